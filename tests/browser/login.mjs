// SPDX-License-Identifier: Apache-2.0
// The whole way of a person: sent to the provider, logged in, on the
// dashboard, into a collection, a search from a point, a session that ends
// under the page, sign-out, and the login form again.
//   AZIMUTH_DASHBOARD_URL  https://host:port of the dashboard, no path
//   AZIMUTH_USER, AZIMUTH_PASSWORD
import assert from "node:assert/strict";
import { given, run } from "./browser.mjs";

const origin = new URL(given("AZIMUTH_DASHBOARD_URL")).origin;
const COLLECTION = "debian_packages";

async function logIn(page) {
  await page.fill("#username", given("AZIMUTH_USER"));
  await page.fill("#password", given("AZIMUTH_PASSWORD"));
  await page.click("#kc-login");
}

async function atProvider(page) {
  await page.waitForSelector("#kc-login");
  assert.notEqual(new URL(page.url()).origin, origin);
}

async function seeCollection({ page, shot, say }) {
  await page.waitForURL((url) =>
    url.origin === origin && url.pathname === "/dashboard");
  const row = page.locator("tr", { has: page.getByRole("link",
    { name: COLLECTION, exact: true }) });
  await row.getByText("Ready").or(row.getByText("Working")).waitFor();
  const points = await row.locator("td.number").textContent();
  assert.match(points, /^[1-9][\d,]*$/, "the collection has points");
  say(`collection ${COLLECTION}: ${points} points`);
  await shot("collections");
  await page.locator("summary").click();
  say(`logged in: ${(await page.locator(".account-card").innerText())
    .replace(/\s+/g, " ")}`);
  await shot("who-is-logged-in");
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: COLLECTION, exact: true }).click();
  await page.locator(".point").first().waitFor();
  await shot("points");
  return points;
}

async function searchFromPoint({ page, shot, say }) {
  const item = page.locator(".point").nth(2);
  const title = await item.locator(".point-head a").textContent();
  await item.getByRole("link", { name: /Find similar/ }).click();
  await page.locator(".score").first().waitFor();
  await page.locator("dl.payload").waitFor();
  const scores = (await page.locator(".score-number").allTextContents())
    .map(Number);
  assert.equal(scores.length, 10);
  assert.deepEqual(scores, [...scores].sort((a, b) => b - a), "best first");
  const nearest = await page.locator(".point-head a").first().textContent();
  say(`nearest to ${title}: ${nearest}, score ${scores[0]}`);
  await shot("search-from-a-point");
}

async function pageThrough({ page, shot }) {
  await page.goBack();
  await page.locator(".point").first().waitFor();
  const first = await page.locator(".point-head a").first().textContent();
  const firstIs = (text, same) => page.waitForFunction(([t, s]) => {
    const now = document.querySelector(".point-head a")?.textContent;
    return now && (now === t) === s;
  }, [text, same]);
  await page.getByRole("button", { name: "Next" }).click();
  await firstIs(first, false);
  await shot("next-page");
  await page.getByRole("button", { name: "Previous" }).click();
  await firstIs(first, true);
}

async function sessionEnds({ page, context, shot }) {
  const view = page.url();
  assert.match(view, /#\/collections\//, "the view is in the fragment");
  await context.clearCookies();
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByText("Your session has ended").waitFor();
  await shot("session-ended");
  await page.getByRole("link", { name: "Log in again" }).click();
  await atProvider(page);
  await logIn(page);
  await page.locator(".point").first().waitFor();
  assert.equal(page.url(), view, "back on the very same view");
  await shot("back-on-the-same-view");
}

async function signOut({ page, context, shot }) {
  const cookies = await context.cookies(origin);
  await page.getByRole("button", { name: "Sign out" }).click();
  await atProvider(page);
  await shot("asked-to-log-in-again");
  await page.goto(`${origin}/dashboard`);
  await atProvider(page);
  // The cookies of the ended session open nothing, even when kept.
  await context.addCookies(cookies);
  await page.goto(`${origin}/dashboard`);
  await atProvider(page);
}

await run(origin, async (walk) => {
  const { page, shot } = walk;
  await page.goto(`${origin}/`);
  await atProvider(page);
  await shot("login-form");
  await logIn(page);
  await seeCollection(walk);
  await searchFromPoint(walk);
  await pageThrough(walk);
  await sessionEnds(walk);
  await signOut(walk);
});
