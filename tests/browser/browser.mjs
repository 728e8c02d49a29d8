// SPDX-License-Identifier: Apache-2.0
// What the walks share: a Chromium with a fresh profile that writes down what
// went wrong in it, a picture after each step, and a summary for pytest.
//   AZIMUTH_MODULES   folder whose node_modules has playwright-core
//   AZIMUTH_SHOTS     folder for the pictures
//   AZIMUTH_CHROMIUM  default /usr/bin/chromium
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic",
  "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const PATIENCE_MS = 20000;

export function given(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

function watch(page, troubles) {
  page.on("pageerror", (error) => troubles.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (/Content.Security.Policy|Refused to|Mixed Content/i
      .test(message.text())) troubles.push(`console: ${message.text()}`);
  });
}

/** Origins that a page of `origin` has asked for anything, itself included. */
function watchOrigins(page, origin, asked) {
  page.on("request", (request) => {
    if (request.isNavigationRequest()) return;
    const from = request.frame().url();
    if (from.startsWith(`${origin}/`) && !request.url().startsWith("data:")) {
      asked.add(new URL(request.url()).origin);
    }
  });
}

/** Of a person who does not keep third parties' cookies back. */
const ORDINARY = { profile: { cookie_controls_mode: 0,
  block_third_party_cookies: false } };

/** Opens contexts that share nothing. Those of one Chromium are incognito and
 * keep the cookies of third parties back whatever those say: with `ordinary`,
 * each is the profile of a Chromium of its own, that does not. */
async function opener(chromium, launch, ordinary) {
  if (!ordinary) {
    const browser = await chromium.launch(launch);
    return { open: (options) => browser.newContext(options),
      close: () => browser.close() };
  }
  const opened = [];
  return {
    open: async (options) => {
      const folder = mkdtempSync(join(tmpdir(), "azimuth-profile-"));
      mkdirSync(join(folder, "Default"));
      writeFileSync(join(folder, "Default/Preferences"),
        JSON.stringify(ORDINARY));
      const context = await chromium.launchPersistentContext(folder,
        { ...launch, ...options });
      opened.push({ folder, context });
      return context;
    },
    close: async () => {
      for (const { folder, context } of opened) {
        await context.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/**
 * Runs walk({page, context, shot, say, look}) for the pages of `origin`.
 * Fails when the walk does, when a page broke its policy or threw, or when it
 * asked another origin, but those `allowed`, for anything. Chromium gets the
 * arguments `more` as well; for `ordinary` see opener().
 */
export async function run(origin, walk, { allowed = [], more = [],
  ordinary = false, ...options } = {}) {
  const load = createRequire(join(given("AZIMUTH_MODULES"), "/"));
  const { chromium } = load("playwright-core");
  const shots = given("AZIMUTH_SHOTS");
  mkdirSync(shots, { recursive: true });
  const browser = await opener(chromium, {
    executablePath: process.env.AZIMUTH_CHROMIUM ?? "/usr/bin/chromium",
    args: [...ARGUMENTS, ...more], headless: true,
  }, ordinary);
  const troubles = [];
  const asked = new Set();
  let pictures = 0;
  const look = async (other = {}) => {
    const context = await browser.open({ ignoreHTTPSErrors: true,
      viewport: { width: 1280, height: 860 }, ...options, ...other });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    watch(page, troubles);
    watchOrigins(page, origin, asked);
    return { context, page };
  };
  const first = await look();
  const shot = async (name, page = first.page) => {
    const number = String(++pictures).padStart(2, "0");
    await page.screenshot({ path: join(shots, `${number}-${name}.png`) });
  };
  const say = (...words) => console.log(...words);
  try {
    await walk({ ...first, shot, say, look });
    assert.deepEqual(troubles, [], "the page broke its policy or threw");
    assert.deepEqual([...asked].filter((one) => !allowed.includes(one)),
      [origin], "the page asked another origin");
  } catch (error) {
    await shot("failed").catch(() => {});
    console.error(`${error.message.split("\n")[0]}; at ${first.page.url()};`,
      JSON.stringify(troubles));
    throw error;
  } finally {
    await browser.close();
  }
}
