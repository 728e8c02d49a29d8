// SPDX-License-Identifier: Apache-2.0
// What the page makes of every kind of answer; fetch is a stand-in.
import { afterEach, test } from "node:test";
import assert from "node:assert/strict";
import { api, onSessionEnd, person, whoAmI } from "../src/api.js";

const realFetch = globalThis.fetch;
const sent = [];
let ends = 0;
onSessionEnd(() => { ends++; });

function answer(status, text, more = {}) {
  globalThis.fetch = async (path, options) => {
    sent.push({ path, ...options });
    return { status, statusText: "", ok: status >= 200 && status < 300,
      type: "basic", text: async () => text, ...more };
  };
}

afterEach(() => {
  globalThis.fetch = realFetch;
  sent.length = 0;
  ends = 0;
});

test("names and ids go out whole", async () => {
  answer(200, '{"result":{"points":[]},"time":0.1}');
  await api.query("a/b c", { query: 18446744073709551615n });
  assert.equal(sent[0].path, "/collections/a%2Fb%20c/points/query");
  assert.equal(sent[0].body, '{"query":18446744073709551615}');
});

test("the engine's own words reach the person", async () => {
  answer(404, '{"status":{"error":"Not found: no such thing"},"time":0}');
  await assert.rejects(api.collection("x"),
    { kind: "api", status: 404, message: "Not found: no such thing" });
  answer(502, "<html>bad gateway</html>");
  await assert.rejects(api.collection("x"), { message: /answered 502/ });
  answer(200, "<html>login</html>");
  await assert.rejects(api.collection("x"), { message: /not JSON/ });
});

test("a refusal by the login ends the session, in each of its forms",
  async () => {
    answer(401, '{"error":"login_required","login_url":"/oauth2/start"}');
    await assert.rejects(api.collections(), { kind: "session" });
    answer(0, "", { type: "opaqueredirect" });
    await assert.rejects(api.collections(), { kind: "session" });
    assert.equal(ends, 2);
  });

test("a missing API key is not the end of a session", async () => {
  const text = "Must provide an API key or an Authorization bearer token";
  answer(401, text);
  await assert.rejects(api.collections(), { kind: "api", message: text });
  assert.equal(ends, 0);
});

test("no connection is told as such, a cancelled request is not told",
  async () => {
    globalThis.fetch = async () => { throw new TypeError("fetch failed"); };
    await assert.rejects(api.collections(), { kind: "network" });
    const stop = new AbortController();
    globalThis.fetch = (path, { signal }) => new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)));
    const waiting = api.collections({ signal: stop.signal });
    stop.abort();
    await assert.rejects(waiting, { name: "AbortError" });
  });

test("who is logged in: somebody, nobody, unknown, no longer", async () => {
  answer(200, '{"sub":"1","preferred_username":"demo","expires_at":9}');
  assert.equal((await whoAmI()).user.name, "demo");
  answer(404, "");
  assert.deepEqual(await whoAmI(), { state: "none" });
  answer(503, "The session store is down.");
  assert.deepEqual(await whoAmI(),
    { state: "unknown", text: "The session store is down." });
  answer(401, '{"error":"login_required"}');
  assert.deepEqual(await whoAmI(), { state: "ended" });
});

test("both spellings of a user are understood", () => {
  assert.deepEqual(person({ sub: "1", preferred_username: "d", name: "D D",
    email: "d@x", roles: ["a"], expires_at: 5 }),
  { name: "D D", login: "d", email: "d@x", roles: ["a"], expires: 5 });
  assert.deepEqual(person({ user: "1", preferredUsername: "d",
    groups: ["a", "offline_access", "default-roles-x"] }),
    { name: "d", login: "d", email: undefined, roles: ["a"],
      expires: undefined });
  assert.equal(person({}), null);
  assert.equal(person(null), null);
});
