// SPDX-License-Identifier: Apache-2.0
// What becomes of a login in the long run, with the real provider: deep link,
// two tabs, a refresh, the administrator who ends it, a store and a provider
// that go away and come back, and another host that asks with the cookie.
//   AZIMUTH_DASHBOARD_URL, AZIMUTH_USER, AZIMUTH_PASSWORD  as for login.mjs
//   AZIMUTH_KEYCLOAK_URL, AZIMUTH_ADMIN_PASSWORD           its administrator
//   AZIMUTH_STATE, AZIMUTH_UP (a JSON array)   the appliance, and how it starts
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { given, run } from "./browser.mjs";

const origin = new URL(given("AZIMUTH_DASHBOARD_URL")).origin;
const other = origin.replace("qdrant-dashboard.", "qdrant.");
const keycloak = given("AZIMUTH_KEYCLOAK_URL");
const state = given("AZIMUTH_STATE");

// ---- behind the scene ---------------------------------------------------

let token = { value: "", until: 0 };

async function adminToken() {
  if (Date.now() < token.until) return token.value;
  const answer = await fetch(
    `${keycloak}/realms/master/protocol/openid-connect/token`, {
      method: "POST", body: new URLSearchParams({ client_id: "admin-cli",
        grant_type: "password", username: "admin",
        password: given("AZIMUTH_ADMIN_PASSWORD") }) });
  assert.equal(answer.status, 200);
  token = { value: (await answer.json()).access_token,
    until: Date.now() + 30000 };
  return token.value;
}

async function admin(method, path, body) {
  const answer = await fetch(`${keycloak}/admin/realms/azimuth/${path}`, {
    method, body: body && JSON.stringify(body), headers: {
      Authorization: `Bearer ${await adminToken()}`,
      "Content-Type": "application/json" } });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

const pidOf = (name) => Number(
  readFileSync(join(state, "run", `${name}.pid`), "utf8").split(" ")[0]);

async function kill(name) {
  const pid = pidOf(name);
  process.kill(pid, "SIGKILL");
  await until(() => {
    try { process.kill(pid, 0); } catch { return true; }
    return readFileSync(`/proc/${pid}/status`, "utf8").includes("\nState:\tZ");
  });
}

const changed = new Map();

function changeFile(name, pattern, text) {
  const path = join(state, "program", name);
  const before = readFileSync(path, "utf8");
  changed.set(path, before);
  writeFileSync(path, before.replace(pattern, text));
}

/** The appliance as it was, for whoever comes next. */
function changeBack() {
  for (const [path, text] of changed) writeFileSync(path, text);
  if (changed.size > 0) process.kill(pidOf("nginx"), "SIGHUP");
}

function up() {
  const [program, ...words] = JSON.parse(given("AZIMUTH_UP"));
  const done = spawnSync(program, words, { encoding: "utf8",
    timeout: 240000 });
  assert.equal(done.status, 0, done.stdout + done.stderr);
}

async function until(what, seconds = 30) {
  const end = Date.now() + 1000 * seconds;
  while (!await what()) {
    assert.ok(Date.now() < end, `not within ${seconds} s: ${what}`);
    await new Promise((wake) => { setTimeout(wake, 200); });
  }
}

// ---- on the page --------------------------------------------------------

const atProvider = (page) => page.waitForSelector("#kc-login");
const inside = (page) => page.waitForURL((url) =>
  url.origin === origin && url.pathname === "/dashboard");

async function logIn(page) {
  await atProvider(page);
  await page.fill("#username", given("AZIMUTH_USER"));
  await page.fill("#password", given("AZIMUTH_PASSWORD"));
  await page.click("#kc-login");
}

const userinfo = (page) => page.evaluate(async () => {
  const answer = await fetch("/oauth2/userinfo");
  return answer.ok ? answer.json() : { status: answer.status };
});

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

async function twoTabs({ look, shot, say }) {
  const { context, page } = await look();
  const second = await context.newPage();
  await page.goto(`${origin}/dashboard?tab=1`);
  await second.goto(`${origin}/dashboard?tab=2`);
  await logIn(page);
  await page.waitForURL(`${origin}/dashboard?tab=1`);
  // Keycloak's form sees by itself that its person has logged in meanwhile.
  await second.waitForURL(`${origin}/dashboard?tab=2`);
  await shot("two-tabs", second);
  say("two tabs are in");
  await context.close();
}

async function refresh({ page, shot, say }) {
  const client = (await admin("GET", "clients?clientId=qdrant-dashboard"))[0];
  client.attributes["access.token.lifespan"] = "5";
  await admin("PUT", `clients/${client.id}`, client);
  await page.context().clearCookies({ name: /azimuth/ });
  await page.goto(`${origin}/dashboard`); // Keycloak still knows the person
  await inside(page);
  const before = await userinfo(page);
  const user = (await admin("GET",
    `users?username=${given("AZIMUTH_USER")}`))[0];
  const role = await admin("POST", "roles", { name: "night-shift" })
    .then(() => admin("GET", "roles/night-shift"));
  await admin("POST", `users/${user.id}/role-mappings/realm`, [role]);
  assert.ok(!before.roles.includes("night-shift"));
  await until(async () =>
    (await userinfo(page)).roles?.includes("night-shift"));
  await page.reload();
  await inside(page);
  await shot("refreshed");
  say("refreshed: the new role is there, nobody was asked");
}

async function adminEnds({ page, shot, say }) {
  const user = (await admin("GET",
    `users?username=${given("AZIMUTH_USER")}`))[0];
  await admin("POST", `users/${user.id}/logout`);
  await until(async () => (await userinfo(page)).status === 401);
  await page.goto(`${origin}/dashboard`);
  await atProvider(page);
  await shot("ended-by-the-administrator");
  await logIn(page);
  await inside(page);
  say("a logout at the provider ended the session");
}

async function storeComesBackEmpty({ page, shot, say }) {
  await kill("valkey");
  up();
  await until(async () => (await userinfo(page)).status === 401);
  await page.goto(`${origin}/dashboard?after=the-store`);
  await page.waitForURL(`${origin}/dashboard?after=the-store`);
  await shot("store-came-back-empty");
  say("an empty store cost one trip to the provider, no password");
}

async function providerGoes({ page, look, shot, say }) {
  await kill("keycloak");
  await page.goto(`${origin}/dashboard?still=here`);
  await page.waitForURL(`${origin}/dashboard?still=here`);
  await page.getByText("debian_packages").first().waitFor();
  const { context, page: stranger } = await look();
  await stranger.goto(`${origin}/dashboard?late=1`);
  await stranger.getByText("Not available").first().waitFor();
  await shot("provider-down", stranger);
  const told = await stranger.locator("code").first().textContent();
  assert.match(told, /provider/);
  say("provider down:", told);
  up();
  await stranger.getByRole("link", { name: /again/i }).click();
  await logIn(stranger);
  await stranger.waitForURL(`${origin}/dashboard?late=1`);
  await shot("provider-back", stranger);
  await context.close();
}

// The opt-in for pages of other hosts: a wider cookie, and CORS for them.
async function crossSite({ look, shot, say }) {
  changeFile("nginx.conf", /(\n\s*azimuth_session_lifetime)/,
    "\n    azimuth_cookie domain=.azimuth.localhost samesite=none;$1");
  changeFile("ui.conf", /azimuth_cors_origin.*;/,
    `azimuth_cors_origin ${origin} ${other};`);
  process.kill(pidOf("nginx"), "SIGHUP");
  const { context, page } = await look();
  await until(async () => {
    await context.clearCookies();
    await page.goto(`${origin}/dashboard`);
    return (await context.cookies()).some((cookie) =>
      cookie.name === "__Secure-azimuth-login");
  });
  await logIn(page);
  await inside(page);
  const cookie = (await context.cookies()).find((one) =>
    one.name === "__Secure-azimuth");
  assert.equal(cookie.sameSite, "None");
  assert.ok(cookie.secure && cookie.httpOnly);
  const guest = await context.newPage();
  await guest.goto(`${other}/healthz`);
  const seen = await guest.evaluate(async (url) => {
    const answer = await fetch(url, { credentials: "include" });
    const text = JSON.stringify(await answer.json());
    document.body.innerText = text;
    return JSON.parse(text);
  }, `${origin}/oauth2/userinfo`);
  assert.equal(seen.preferred_username, given("AZIMUTH_USER"));
  await shot("cross-site", guest);
  say("another host of the domain sees:", seen.preferred_username);
  await context.close();
}

await run(origin, async (walk) => {
  await deepLink(walk);
  await twoTabs(walk);
  await refresh(walk);
  await adminEnds(walk);
  await storeComesBackEmpty(walk);
  await providerGoes(walk);
  try {
    await crossSite(walk);
  } finally {
    changeBack();
  }
}, { allowed: [other] });
