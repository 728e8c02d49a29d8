// SPDX-License-Identifier: Apache-2.0
// Behind the scene of the walks through a login's life: Keycloak's
// administrator, the parts of the appliance, its store, counters and logs; and
// what every walk does on the page.
//   AZIMUTH_DASHBOARD_URL, AZIMUTH_USER, AZIMUTH_PASSWORD  as for login.mjs
//   AZIMUTH_KEYCLOAK_URL, AZIMUTH_ADMIN_PASSWORD           its administrator
//   AZIMUTH_STATUS_URL   the gateway's counters
//   AZIMUTH_STATE, AZIMUTH_UP (a JSON array)   the appliance, and how it starts
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { given } from "./browser.mjs";

export const origin = new URL(given("AZIMUTH_DASHBOARD_URL")).origin;
export const state = given("AZIMUTH_STATE");
const keycloak = given("AZIMUTH_KEYCLOAK_URL");
const CLIENT = "qdrant-dashboard";
const LIFE = "access.token.lifespan";
const ROLE = "night-shift";

export async function until(what, seconds = 60) {
  const end = Date.now() + 1000 * seconds;
  for (;;) {
    const value = await what();
    if (value) return value;
    assert.ok(Date.now() < end, `not within ${seconds} s: ${what}`);
    await new Promise((wake) => { setTimeout(wake, 200); });
  }
}

// ---- the parts of the appliance -----------------------------------------

const pidOf = (name) => Number(
  readFileSync(join(state, "run", `${name}.pid`), "utf8").split(" ")[0]);

export async function kill(name) {
  const pid = pidOf(name);
  process.kill(pid, "SIGKILL");
  await until(() => {
    try { process.kill(pid, 0); } catch { return true; }
    return readFileSync(`/proc/${pid}/status`, "utf8").includes("\nState:\tZ");
  });
}

/** Whatever was killed lives again afterwards; the others are left alone. */
export async function up() {
  const [program, ...words] = JSON.parse(given("AZIMUTH_UP"));
  const done = spawnSync(program, words, { encoding: "utf8",
    timeout: 240000 });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  // A connection that is kept from before may be one of the killed.
  await until(() => fetch(`${keycloak}/realms/azimuth`).then(
    (answer) => answer.ok, () => false));
}

const changed = new Map();

/** Changes the running configuration; nothing is active before reload(). */
export function changeFile(name, pattern, text) {
  const path = join(state, "program", name);
  const before = readFileSync(path, "utf8");
  const after = before.replace(pattern, text);
  assert.notEqual(after, before, `${name} has no ${pattern}`);
  if (!changed.has(path)) changed.set(path, before);
  writeFileSync(path, after);
}

export const reload = () => process.kill(pidOf("nginx"), "SIGHUP");

export function changeBack() {
  for (const [path, text] of changed) writeFileSync(path, text);
  if (changed.size > 0) reload();
  changed.clear();
}

// ---- Keycloak's administrator -------------------------------------------

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

async function ask(method, path, body) {
  return fetch(`${keycloak}/admin/realms/azimuth/${path}`, {
    method, body: body && JSON.stringify(body), headers: {
      Authorization: `Bearer ${await adminToken()}`,
      "Content-Type": "application/json" } });
}

async function admin(method, path, body) {
  const answer = await ask(method, path, body);
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

const client = async () =>
  (await admin("GET", `clients?clientId=${CLIENT}`))[0];
const user = async () =>
  (await admin("GET", `users?username=${given("AZIMUTH_USER")}`))[0];

/** How long tokens live: null as the realm came, else seconds. */
let lifeAsItCame;

export async function setTokenLife(seconds) {
  const before = await client();
  lifeAsItCame ??= before.attributes[LIFE];
  before.attributes[LIFE] = seconds === null ? lifeAsItCame : String(seconds);
  await admin("PUT", `clients/${before.id}`, before);
  return Number(before.attributes[LIFE]);
}

export async function giveRole() {
  await admin("POST", "roles", { name: ROLE });
  await admin("POST", `users/${(await user()).id}/role-mappings/realm`,
    [await admin("GET", `roles/${ROLE}`)]);
  return ROLE;
}

export const endAtProvider = async () =>
  admin("POST", `users/${(await user()).id}/logout`);

/** Everything runs and the realm is as it came, whatever has happened. */
async function putBack() {
  changeBack();
  await up();
  if (lifeAsItCame !== undefined) {
    await setTokenLife(null);
    assert.equal((await client()).attributes[LIFE], lifeAsItCame);
  }
  const gone = await ask("DELETE", `roles/${ROLE}`);
  assert.ok(gone.ok || gone.status === 404, `role: ${gone.status}`);
  assert.equal((await ask("GET", `roles/${ROLE}`)).status, 404);
  await endAtProvider();
}

/** Takes the steps; puts everything back, also when one of them fails. */
export async function tidily(steps) {
  try {
    await steps();
  } catch (error) {
    await putBack().catch((second) => console.error("afterwards:", second));
    throw error;
  }
  await putBack();
}

// ---- what the gateway has seen ------------------------------------------

/** Refreshes by their result, since the gateway's start. */
export async function refreshes() {
  const answer = await fetch(`${given("AZIMUTH_STATUS_URL")}/metrics`);
  const lines = (await answer.text()).matchAll(
    /^azimuth_refreshes_total\{result="(\w+)"\} (\d+)$/gm);
  const counts = Object.fromEntries(
    [...lines].map(([, result, count]) => [result, Number(count)]));
  assert.ok("failed" in counts && "succeeded" in counts, "no such counters");
  return counts;
}

/** Lines of the audit log behind the first `skip`. */
export const audit = (skip = 0) =>
  readFileSync(join(state, "log/nginx-audit.log"), "utf8").trim().split("\n")
    .slice(skip).map((line) => JSON.parse(line));

/** The key of the session in the store: the ticket begins with format, key id
 * and the 16 bytes of the id, and the store knows the id by its hash. */
export function storeKey(cookie) {
  const id = Buffer.from(cookie.value.slice(0, 24), "base64url").subarray(2);
  return `azimuth:session:${
    createHash("sha256").update(id).digest("base64url")}`;
}

/** Whether Valkey holds `key`, asked as the gateway's own user. */
export async function isStored(key) {
  const password = readFileSync(join(state, "secret/valkey-password"), "utf8")
    .trim();
  const socket = connect(join(state, "valkey/valkey.sock"));
  const command = (...words) => `*${words.length}\r\n${words.map((word) =>
    `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
  socket.end(command("AUTH", "azimuth", password) + command("GET", key));
  const parts = [];
  for await (const part of socket) parts.push(part);
  const said = Buffer.concat(parts).toString("latin1");
  assert.match(said, /^\+OK\r\n\$/, said.slice(0, 100));
  return !said.startsWith("+OK\r\n$-1");
}

// ---- on the page --------------------------------------------------------

export const atProvider = (page) => page.waitForSelector("#kc-login");

export const inside = (page) => page.waitForURL((url) =>
  url.origin === origin && url.pathname === "/dashboard");

export async function fillIn(page) {
  await atProvider(page);
  await page.fill("#username", given("AZIMUTH_USER"));
  await page.fill("#password", given("AZIMUTH_PASSWORD"));
}

export async function logIn(page) {
  await fillIn(page);
  await page.click("#kc-login");
}

export const sessionCookie = async (context) =>
  (await context.cookies(origin)).find((one) => /-azimuth$/.test(one.name));

export const userinfo = (page) => page.evaluate(async () => {
  const answer = await fetch("/oauth2/userinfo");
  return answer.ok ? answer.json() : { status: answer.status };
});
