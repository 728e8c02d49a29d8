// SPDX-License-Identifier: Apache-2.0
// What becomes of a login in the long run, with the real provider: deep link,
// two tabs, a refresh, the administrator who ends it, a store and a provider
// that go away and come back. What it needs stands in behind.mjs.
import assert from "node:assert/strict";
import { run } from "./browser.mjs";
import { atProvider, audit, endAtProvider, fillIn, giveRole, inside, isStored,
  kill, logIn, origin, refreshes, sessionCookie, setTokenLife, storeKey,
  tidily, until, up, userinfo } from "./behind.mjs";

const SHORT = 5;

async function deepLink({ page, shot, say }) {
  const wanted = `${origin}/dashboard?from=a%20mail&page=2`;
  await page.goto(wanted);
  await atProvider(page);
  await shot("first-login");
  await logIn(page);
  await page.waitForURL(wanted);
  await page.getByText("debian_packages").first().waitFor();
  await shot("deep-link");
  say("deep link:", page.url());
}

// A server never sees a fragment, and a form that is sent is a new beginning:
// a page of ours keeps it.
async function fragment({ page, look, shot, say }) {
  const view = `${origin}/dashboard#/collections/debian_packages/info`;
  await page.context().clearCookies({ name: /azimuth/ });
  await page.goto("about:blank");
  await page.goto(view);
  await page.getByRole("heading", { name: "Payload indexes" }).waitFor();
  assert.equal(page.url(), view, "through redirects alone");
  await shot("fragment-through-redirects");
  say("fragment through redirects:", page.url());
  const other = await look();
  await other.page.goto(view);
  await atProvider(other.page);
  assert.ok(!other.page.url().includes("#/collections"),
    "the provider does not get it");
  await logIn(other.page);
  await other.page.getByRole("heading", { name: "Payload indexes" }).waitFor();
  assert.equal(other.page.url(), view, "through the form");
  await shot("fragment-through-the-form", other.page);
  say("fragment through the form:", other.page.url());
  await other.context.close();
}

// A token of another login is nothing that a server should see.
async function foreignToken({ look, say }) {
  const { context, page } = await look();
  const asked = [];
  page.on("request", (one) => asked.push(one.url()));
  await page.goto(`${origin}/dashboard#access_token=s3cret&state=x`);
  await atProvider(page);
  assert.ok(asked.every((url) => !url.split("#")[0].includes("s3cret")));
  say("a token in a fragment stays in the browser");
  await context.close();
}

async function noScripts({ look, say }) {
  const { context, page } = await look({ javaScriptEnabled: false });
  await page.goto(`${origin}/dashboard?plain=1`);
  await page.fill("#username", "demo");
  say("without scripts:", new URL(page.url()).host);
  await context.close();
}

async function twoTabs({ look, shot, say }) {
  const { context, page } = await look();
  const second = await context.newPage();
  await page.goto(`${origin}/dashboard?tab=1`);
  await second.goto(`${origin}/dashboard?tab=2`);
  await fillIn(page);
  await fillIn(second);
  await shot("two-forms-first", page);
  await shot("two-forms-second", second);
  await page.click("#kc-login");
  await page.waitForURL(`${origin}/dashboard?tab=1`);
  // Keycloak's form sees by itself that its person has logged in meanwhile.
  await second.waitForURL(`${origin}/dashboard?tab=2`);
  for (const tab of [page, second]) {
    await tab.getByText("debian_packages").first().waitFor();
  }
  await shot("two-tabs-first", page);
  await shot("two-tabs-second", second);
  say("two tabs are in");
  await context.close();
}

async function bothSent({ look, shot, say }) {
  const { context, page } = await look();
  // Without its look-out, so that the second form really is sent.
  await context.route(/authChecker/, (route) => route.abort());
  const second = await context.newPage();
  await page.goto(`${origin}/dashboard?sent=1`);
  await second.goto(`${origin}/dashboard?sent=2`);
  await fillIn(page);
  await fillIn(second);
  await page.click("#kc-login");
  await page.waitForURL(`${origin}/dashboard?sent=1`);
  const sent = second.waitForRequest((one) => one.method() === "POST"
    && /login-actions/.test(one.url()));
  await second.click("#kc-login");
  await sent;
  await second.waitForURL(`${origin}/dashboard?sent=2`);
  await second.getByText("debian_packages").first().waitFor();
  await shot("both-forms-sent", second);
  say("both forms were sent, both are in");
  await context.close();
}

async function refresh({ page, shot, say }) {
  await setTokenLife(SHORT);
  await page.context().clearCookies({ name: /azimuth/ });
  await page.goto(`${origin}/dashboard`); // Keycloak still knows the person
  await inside(page);
  const before = await userinfo(page);
  const counted = await refreshes();
  const role = await giveRole();
  assert.ok(!before.roles.includes(role));
  await until(async () => (await userinfo(page)).roles?.includes(role));
  assert.ok((await refreshes()).succeeded > counted.succeeded);
  await page.reload();
  await inside(page);
  await page.locator("summary").click();
  await page.getByText(role).first().waitFor();
  await shot("refreshed");
  say("refreshed: the new role is there, nobody was asked");
}

// Nothing but the back channel can end this session: its token lives for an
// hour, and the browser asks for nothing until the store has let it go.
async function adminEnds({ page, context, shot, say }) {
  assert.ok(await setTokenLife(null) > 600);
  await context.clearCookies();
  await page.goto(`${origin}/dashboard`);
  await logIn(page);
  await inside(page);
  await page.getByText("debian_packages").first().waitFor();
  await shot("before-the-administrator");
  await page.goto("about:blank");
  const key = storeKey(await sessionCookie(context));
  assert.ok(await isStored(key), "the session is in the store");
  const counted = await refreshes();
  const lines = audit().length;
  await endAtProvider();
  await until(async () => !await isStored(key));
  const ends = audit(lines);
  assert.ok(ends.some((line) => line.outcome === "ended_by_provider"
    && line.path === "/oauth2/backchannel_logout"), JSON.stringify(ends));
  assert.ok(ends.every((line) => !/refresh/.test(line.outcome)));
  assert.deepEqual(await refreshes(), counted, "no refresh was tried");
  await page.goto(`${origin}/dashboard`);
  await atProvider(page);
  assert.deepEqual(await refreshes(), counted, "none afterwards either");
  await shot("ended-by-the-administrator");
  await logIn(page);
  await inside(page);
  say("the back channel alone ended the session");
}

async function storeComesBackEmpty({ page, shot, say }) {
  await kill("valkey");
  await up();
  await until(async () => (await userinfo(page)).status === 401);
  await page.goto(`${origin}/dashboard?after=the-store`);
  await page.waitForURL(`${origin}/dashboard?after=the-store`);
  await page.getByText("debian_packages").first().waitFor();
  await shot("store-came-back-empty");
  say("an empty store cost one trip to the provider, no password");
}

/** A session whose token is over and cannot be renewed. */
async function staysWarm({ page, shot, say }, counted) {
  await until(async () => {
    assert.equal((await userinfo(page)).status, undefined, "still in");
    return (await refreshes()).failed > counted.failed;
  });
  await page.goto(`${origin}/dashboard?still=here`);
  assert.equal(page.url(), `${origin}/dashboard?still=here`);
  await page.getByText("debian_packages").first().waitFor();
  assert.equal((await refreshes()).succeeded, counted.succeeded);
  await shot("provider-down-token-over");
  say("provider down: a session goes on though its token is over");
}

async function providerGoes(walk) {
  const { page, look, shot, say } = walk;
  await setTokenLife(SHORT);
  await page.context().clearCookies({ name: /azimuth/ });
  await page.goto(`${origin}/dashboard`);
  await inside(page);
  const key = storeKey(await sessionCookie(page.context()));
  await kill("keycloak");
  await staysWarm(walk, await refreshes());
  const { context, page: stranger } = await look();
  const answer = await stranger.goto(`${origin}/dashboard?late=1`);
  assert.equal(answer.status(), 503);
  await stranger.getByText("Not available").first().waitFor();
  await shot("provider-down-newcomer", stranger);
  const told = await stranger.locator("code").first().textContent();
  assert.match(told, /provider/);
  say("provider down, a newcomer is told:", told);
  const retry = stranger.getByRole("link", { name: "Try again", exact: true });
  await retry.click();
  await stranger.getByText("Not available").first().waitFor();
  const counted = await refreshes();
  await up();
  await retry.click();
  await logIn(stranger);
  await stranger.waitForURL(`${origin}/dashboard?late=1`);
  await stranger.getByText("debian_packages").first().waitFor();
  await shot("provider-back-newcomer", stranger);
  await context.close();
  await until(async () => {
    assert.equal((await userinfo(page)).status, undefined, "still in");
    return (await refreshes()).succeeded > counted.succeeded;
  });
  assert.equal(storeKey(await sessionCookie(page.context())), key);
  await page.reload();
  await page.getByText("debian_packages").first().waitFor();
  await shot("provider-back-same-session");
  say("provider back: the same session is refreshed again");
}

await run(origin, (walk) => tidily(async () => {
  await deepLink(walk);
  await fragment(walk);
  await foreignToken(walk);
  await noScripts(walk);
  await twoTabs(walk);
  await bothSent(walk);
  await refresh(walk);
  await adminEnds(walk);
  await storeComesBackEmpty(walk);
  await providerGoes(walk);
}));
