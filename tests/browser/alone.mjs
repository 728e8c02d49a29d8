// SPDX-License-Identifier: Apache-2.0
// The engine opened directly, with no login in front: every view works, exact
// ids, errors in the engine's own words, dark, narrow, and by keyboard.
//   AZIMUTH_ENGINE_URL  http://host:port of an engine that holds `shelf`
//                       (see test_engine_alone.py)
import assert from "node:assert/strict";
import { given, run } from "./browser.mjs";

const origin = new URL(given("AZIMUTH_ENGINE_URL")).origin;
const HUGE = "18446744073709551615";
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; "
  + "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
  + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const at = (hash) => `${origin}/dashboard${hash}`;
const listed = (page) => page.locator(".point").first().waitFor();

async function headers({ page, say }) {
  const answer = await page.goto(at(""));
  assert.equal(answer.status(), 200);
  const all = answer.headers();
  assert.equal(all["content-security-policy"], POLICY);
  assert.equal(all["x-content-type-options"], "nosniff");
  assert.match(all["cache-control"] ?? "", /no-cache/);
  const script = await page.locator("script[src]").getAttribute("src");
  const asset = await page.request.get(origin + script);
  assert.match(asset.headers()["content-type"], /javascript/);
  assert.match(asset.headers()["cache-control"] ?? "", /immutable/);
  const slash = await page.request.get(`${origin}/dashboard/`);
  assert.equal(slash.status(), 200);
  const missing = await page.request.get(`${origin}/dashboard/assets/no.js`);
  assert.equal(missing.status(), 404);
  say("headers and missing files are right");
}

async function nobody({ page, shot }) {
  await page.getByText("No login in front of this engine").waitFor();
  assert.equal(await page.getByText("Sign out").count(), 0);
  await page.getByRole("link", { name: "shelf", exact: true }).waitFor();
  await page.getByText("Ready").first().waitFor();
  await page.getByText(/^azimuth \d.*API level \d/).waitFor();
  await shot("collections");
}

async function byKeyboard({ page }) {
  await page.reload();
  await page.getByText("Ready").first().waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent),
    "Skip to the content");
  const link = page.getByRole("link", { name: "shelf", exact: true });
  for (let i = 0; i < 12; i++) {
    if (await link.evaluate((e) => e === document.activeElement)) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await listed(page);
}

async function exactIds({ page, shot, say }) {
  await page.goto(at(`#/collections/shelf?offset=${HUGE}`));
  await page.getByText(HUGE).first().waitFor();
  await page.goto(at(`#/collections/shelf/points/${HUGE}`));
  await page.getByRole("heading", { name: "The last book" }).waitFor();
  await page.locator(".score").first().waitFor();
  await page.getByText("9007199254740993").waitFor();
  await shot("point-with-a-huge-id");
  say(`id ${HUGE} and payload 9007199254740993 are shown whole`);
}

async function namedVectors({ page, shot }) {
  await page.goto(at("#/collections/shelf/points/1"));
  await page.getByLabel("By").selectOption("shape");
  await page.getByText("smaller is nearer").waitFor();
  const far = (await page.locator(".score-number").allTextContents())
    .map(Number);
  assert.deepEqual(far, [...far].sort((a, b) => a - b), "nearest first");
  await shot("search-by-a-named-vector");
}

async function filtered({ page, shot }) {
  await page.goto(at("#/collections/shelf"));
  await listed(page);
  const form = page.getByRole("form", { name: "Filter" });
  await form.locator("select").selectOption("kind");
  await form.locator("input").fill("novel");
  await form.getByRole("button", { name: "Filter" }).click();
  await page.getByText("3 points with kind").waitFor();
  await shot("filtered");
  await form.locator("select").selectOption("pages");
  await form.locator("input").fill("many");
  await form.getByRole("button", { name: "Filter" }).click();
  await page.getByText("pages is a whole number").waitFor();
}

async function otherViews({ page, shot }) {
  await page.goto(at("#/collections/shelf/info"));
  await page.getByRole("heading", { name: "Payload indexes" }).waitFor();
  await shot("settings");
  await page.goto(at("#/collections/bare"));
  await page.getByText("No points here").waitFor();
  await page.goto(at("#/collections/nowhere"));
  await page.getByText("Collection `nowhere` doesn't exist!").waitFor();
  await shot("missing-collection");
  await page.goto(at("#/collections/shelf/points/77"));
  await page.getByText("The point could not be read").waitFor();
  await page.goto(at("#/elsewhere"));
  await page.getByText("There is no such page").waitFor();
}

async function otherScreens({ look, shot }) {
  const { page: dark } = await look({ colorScheme: "dark" });
  await dark.goto(at("#/collections/shelf"));
  await listed(dark);
  await shot("dark", dark);
  const { page: narrow } = await look({ viewport: { width: 360, height: 740 } });
  for (const hash of ["", "#/collections/shelf", "#/collections/shelf/info",
    `#/collections/shelf/points/${HUGE}`]) {
    await narrow.goto(at(hash));
    await narrow.getByRole("heading").first().waitFor();
    await narrow.waitForLoadState("networkidle");
    const width = await narrow.evaluate(
      () => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${hash} is ${width} wide on a phone`);
  }
  await shot("narrow", narrow);
}

await run(origin, async (walk) => {
  await headers(walk);
  await nobody(walk);
  await byKeyboard(walk);
  await exactIds(walk);
  await namedVectors(walk);
  await filtered(walk);
  await otherViews(walk);
  await otherScreens(walk);
});
