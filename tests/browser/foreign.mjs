// SPDX-License-Identifier: Apache-2.0
// Pages of really other sites (another registrable domain, https) that ask the
// gateway with the person's cookie: one on its CORS list, one that is not. As
// delivered the cookie stays at home; with samesite=none it comes along, and
// the list alone says who may read. What it needs stands in behind.mjs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { given, run } from "./browser.mjs";
import { changeFile, inside, logIn, origin, reload, sessionCookie, state,
  tidily, until } from "./behind.mjs";

const FRIEND = "portal.friend.example";
const STRANGER = "stranger.example";
const asked = `${origin}/oauth2/userinfo`;

/** A site of nobody's: an empty page, under whatever name it is called. */
async function foreignSite() {
  const server = createServer({
    cert: readFileSync(join(state, "tls/server.pem")),
    key: readFileSync(join(state, "tls/server.key")),
  }, (request, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end(`<!doctype html><link rel="icon" href="data:,">
      <style>pre { white-space: pre-wrap }</style>
      <h1>${request.headers.host}</h1><pre></pre>`);
  });
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  return server;
}

/** What the gateway answered those who asked: [status, user]. */
const answered = () => [...readFileSync(join(state, "log/nginx-access.log"),
  "utf8").matchAll(/"GET \/oauth2\/userinfo" (\d+) \d+ \S+ "([^"]*)"/g)]
  .map(([, status, user]) => [Number(status), user]);

/** Why the browser kept our session cookie back, as requests are sent; with
 * `told` once it has said so of one. */
async function watchCookie(context, page) {
  const kept = [];
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  devtools.on("Network.requestWillBeSentExtraInfo", (event) => {
    for (const { cookie, blockedReasons } of event.associatedCookies) {
      if (/-azimuth$/.test(cookie.name)) kept.push(...blockedReasons);
    }
    kept.told = true;
  });
  return kept;
}

/** What a page of `site` gets, and whom the gateway took it for: with the
 * cookie the person, else nobody. */
async function askFrom(context, site, mode = "cors") {
  const page = await context.newPage();
  await page.goto(`${site}/`);
  const before = answered().length;
  const kept = await watchCookie(context, page);
  const got = await page.evaluate(async ([url, how]) => {
    let result;
    try {
      const answer = await fetch(url, { credentials: "include", mode: how });
      result = { type: answer.type, status: answer.status,
        text: await answer.text() };
    } catch (error) { result = { refused: error.name }; }
    document.querySelector("pre").innerText = JSON.stringify(result, null, 1);
    return result;
  }, [asked, mode]);
  // The browser's own account may come later than the answer.
  await until(() => kept.told && answered().length > before);
  const took = answered().slice(before);
  assert.equal(took.length, 1, "nobody else asks meanwhile");
  return { page, got, took: took[0], kept };
}

/** Follows a link on a page of `site` to the dashboard. */
async function comeFrom(context, site) {
  const page = await context.newPage();
  await page.goto(`${site}/`);
  await page.evaluate((to) => {
    const link = document.createElement("a");
    link.href = to;
    link.innerText = "to the dashboard";
    document.body.append(link);
  }, `${origin}/dashboard?linked=1`);
  await page.getByText("to the dashboard").click();
  await page.waitForURL(`${origin}/dashboard?linked=1`);
  await page.close();
}

async function enter(page) {
  await page.goto(`${origin}/dashboard`);
  await logIn(page);
  await inside(page);
  await page.getByText("debian_packages").first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.goto("about:blank");
}

const NOBODY = [401, "-"];
const THE_PERSON = [200, given("AZIMUTH_USER")];

async function staysAtHome({ page, context, shot, say }, friend, stranger) {
  await enter(page);
  assert.equal((await sessionCookie(context)).sameSite, "Lax");
  const one = await askFrom(context, friend);
  assert.deepEqual(one.took, NOBODY, "Lax: no cookie from another site");
  assert.match(one.kept.join(), /^(Schemeful)?SameSiteLax$/, "and why");
  assert.equal(one.got.status, 401, "on the list: may read that it is nobody");
  await shot("lax-site-on-the-list", one.page);
  const two = await askFrom(context, stranger);
  assert.deepEqual(two.took, NOBODY);
  assert.match(two.kept.join(), /^(Schemeful)?SameSiteLax$/);
  assert.deepEqual(two.got, { refused: "TypeError" });
  await shot("lax-site-not-on-the-list", two.page);
  await comeFrom(context, friend);
  say("Lax: other sites ask without the cookie, a link brings it");
}

async function comesAlong({ look, shot, say }, friend, stranger) {
  changeFile("nginx.conf", /(\n\s*azimuth_session_lifetime)/,
    "\n    azimuth_cookie domain=.azimuth.localhost samesite=none;$1");
  reload();
  const { context, page } = await look();
  await until(async () => {
    await context.clearCookies();
    await page.goto(`${origin}/dashboard`);
    return (await context.cookies()).some((cookie) =>
      cookie.name === "__Secure-azimuth-login");
  });
  await enter(page);
  const cookie = await sessionCookie(context);
  assert.equal(cookie.sameSite, "None");
  assert.ok(cookie.secure && cookie.httpOnly);
  const one = await askFrom(context, friend);
  assert.deepEqual(one.took, THE_PERSON, "None: the cookie comes along");
  assert.equal(one.got.status, 200);
  const seen = JSON.parse(one.got.text).preferred_username;
  assert.equal(seen, given("AZIMUTH_USER"));
  await shot("none-site-on-the-list", one.page);
  say("None: a site on the list sees:", seen);
  const two = await askFrom(context, stranger);
  assert.deepEqual(two.took, THE_PERSON, "its cookie came along as well");
  assert.deepEqual(two.got, { refused: "TypeError" });
  await shot("none-site-not-on-the-list", two.page);
  const blind = await askFrom(context, stranger, "no-cors");
  assert.equal(blind.got.type, "opaque");
  assert.equal(blind.got.text, "");
  say("None: a site that is not on the list gets no data");
  await context.close();
}

const server = await foreignSite();
const { port } = server.address();
const [friend, stranger] = [FRIEND, STRANGER].map((name) =>
  `https://${name}:${port}`);
try {
  await run(origin, (walk) => tidily(async () => {
    changeFile("ui.conf", /azimuth_cors_origin .*;/,
      `azimuth_cors_origin ${origin} ${friend};`);
    reload();
    // The old workers end once the new ones listen.
    await until(async () => {
      const { page, got } = await askFrom(walk.context, friend);
      await page.close();
      return got.status === 401;
    });
    await staysAtHome(walk, friend, stranger);
    await comesAlong(walk, friend, stranger);
  }), { ordinary: true, more: [`--host-resolver-rules=MAP ${FRIEND} 127.0.0.1,`
    + `MAP ${STRANGER} 127.0.0.1`] });
} finally {
  server.closeAllConnections();
  server.close();
}
