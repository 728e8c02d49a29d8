// SPDX-License-Identifier: Apache-2.0
// Runs steps one after another and prints one JSON object:
// {step: null or what failed}. What both clients send and expect.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages are in a folder of the cache, not beside this file.
export async function load(name) {
    const folder = pathToFileURL(`${process.env.AZIMUTH_MODULES}/package.json`);
    return import(pathToFileURL(createRequire(folder).resolve(name)));
}

export const CITIES = [
    { id: 1, vector: [0.05, 0.61, 0.76, 0.74], city: 'Berlin', people: 3 },
    { id: 2, vector: [0.19, 0.81, 0.75, 0.11], city: 'London', people: 9 },
    { id: 3, vector: [0.36, 0.55, 0.47, 0.94], city: 'Moscow', people: 13 },
    { id: 4, vector: [0.18, 0.01, 0.85, 0.80], city: 'New York', people: 8 },
    { id: 5, vector: [0.24, 0.18, 0.22, 0.44], city: 'Beijing', people: 21 },
    { id: 6, vector: [0.35, 0.08, 0.11, 0.44], city: 'Mumbai', people: 12 },
];
export const QUERY = [0.2, 0.1, 0.9, 0.7];
// Of Dot, by hand.
export const BEST = { 4: 1.362, 1: 1.273, 3: 1.208 };

export function near(actual, expected) {
    assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} != ${expected}`);
}

export async function run(steps) {
    const outcome = {};
    for (const [name, step] of Object.entries(steps)) {
        try {
            await step();
            outcome[name] = null;
        } catch (error) {
            outcome[name] = `${error.stack}\n${JSON.stringify(error.data)}`;
        }
    }
    console.log(JSON.stringify(outcome));
}
