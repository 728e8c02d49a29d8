// SPDX-License-Identifier: Apache-2.0
import { test } from "node:test";
import assert from "node:assert/strict";
import { linkTo, loginLink, parseRoute } from "../src/route.js";

test("every link leads back to its own page", () => {
  const name = "a b/ü?#&";
  assert.deepEqual(parseRoute(linkTo.collections()),
    { page: "collections", query: {} });
  assert.deepEqual(parseRoute(linkTo.info(name)),
    { page: "info", name, query: {} });
  assert.deepEqual(
    parseRoute(linkTo.points(name, { key: "a&b", value: "", offset: 12 })),
    { page: "points", name, query: { key: "a&b", offset: "12" } });
  assert.deepEqual(
    parseRoute(linkTo.point(name, 18446744073709551615n, { using: "x" })),
    { page: "point", name, id: "18446744073709551615", query: { using: "x" } });
});

test("an empty hash is the front page, an odd one is nowhere", () => {
  assert.equal(parseRoute("").page, "collections");
  assert.equal(parseRoute("#/nothing").page, "none");
  assert.equal(parseRoute("#/collections/a/other").page, "none");
  assert.equal(parseRoute("#/collections/%E0%A4%A").name, "%E0%A4%A");
});

test("logging in again returns to the view", () => {
  assert.equal(
    loginLink({ pathname: "/dashboard", search: "", hash: "#/collections/a" }),
    "/oauth2/start?rd=%2Fdashboard%23%2Fcollections%2Fa");
});
