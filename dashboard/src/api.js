// SPDX-License-Identifier: Apache-2.0
// The one place that talks to the server: same origin only, the session
// cookie goes along by itself. Every failure becomes a Failure with a text
// for people. A refused session is told to whoever asked by onSessionEnd.
import { decode, encode } from "./json.js";

const PATIENCE_MS = 30000;

export class Failure extends Error {
  /** kind: "session", "api", "network" or "timeout". */
  constructor(kind, message, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

let tellSessionEnd = () => {};
export function onSessionEnd(listener) {
  tellSessionEnd = listener;
}

function parsed(text) {
  try {
    return decode(text);
  } catch {
    return undefined;
  }
}

function messageOf(status, statusText, text, body) {
  const told = body?.status?.error ?? body?.error_description ?? body?.message
    ?? body?.error;
  if (typeof told === "string" && told) return told;
  const plain = text.trim();
  if (plain && plain.length <= 500 && !plain.startsWith("<")) return plain;
  return `The server answered ${status} ${statusText}`.trim() + ".";
}

/* The engine speaks of its own keys in plain text; any other 401, and a
 * redirect to a login page, comes from the login in front of it. */
function isSessionRefusal(response, text) {
  if (response.type === "opaqueredirect") return true;
  return response.status === 401 && !/API key|JWT/i.test(text);
}

async function exchange(method, path, body, signal) {
  const headers = { accept: "application/json",
    "x-requested-with": "XMLHttpRequest" };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, {
    method, headers, signal,
    body: body === undefined ? undefined : encode(body),
    credentials: "same-origin", redirect: "manual", cache: "no-store",
  });
  const text = response.type === "opaqueredirect" ? "" : await response.text();
  return { response, text };
}

/** Sends one request; the decoded body, or a Failure is thrown. */
export async function send(method, path, body, { signal } = {}) {
  const stop = new AbortController();
  let late = false;
  const timer = setTimeout(() => { late = true; stop.abort(); }, PATIENCE_MS);
  const cancel = () => stop.abort();
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel);
  try {
    const { response, text } = await exchange(method, path, body, stop.signal);
    if (isSessionRefusal(response, text)) {
      throw new Failure("session", "The session has ended.", 401);
    }
    const value = parsed(text);
    if (!response.ok) {
      throw new Failure("api", messageOf(response.status, response.statusText,
        text, value), response.status);
    }
    if (value === undefined) {
      throw new Failure("api", "The answer is not JSON.", response.status);
    }
    return value;
  } catch (error) {
    if (error instanceof Failure || signal?.aborted) throw error;
    throw late
      ? new Failure("timeout",
        `The engine did not answer within ${PATIENCE_MS / 1000} s.`)
      : new Failure("network", "The server cannot be reached.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

async function engine(method, path, body, options) {
  try {
    return await send(method, path, body, options);
  } catch (error) {
    if (error.kind === "session") tellSessionEnd();
    throw error;
  }
}

const at = (name) => `/collections/${encodeURIComponent(name)}`;

/** Every call returns the whole envelope: {result, time}. */
export const api = {
  telemetry: (o) => engine("GET", "/telemetry?details_level=0", undefined, o),
  collections: (o) => engine("GET", "/collections", undefined, o),
  collection: (name, o) => engine("GET", at(name), undefined, o),
  scroll: (name, body, o) =>
    engine("POST", `${at(name)}/points/scroll`, body, o),
  count: (name, body, o) => engine("POST", `${at(name)}/points/count`, body, o),
  query: (name, body, o) => engine("POST", `${at(name)}/points/query`, body, o),
  point: (name, id, o) => engine("GET",
    `${at(name)}/points/${encodeURIComponent(String(id))}`, undefined, o),
};

// Roles that Keycloak gives to everyone; they say nothing about this place.
const GIVEN_TO_ALL = /^(default-roles-.*|offline_access|uma_authorization)$/;

/**
 * The gateway's answer as {name, login, email, roles, expires}, or null when
 * it names nobody. Names of claims and those of OAuth2 Proxy are both read.
 */
export function person(body) {
  const login = body?.preferred_username ?? body?.preferredUsername;
  const subject = body?.sub ?? body?.user;
  const name = body?.name || login || body?.email || subject;
  const roles = body?.roles ?? body?.groups;
  return !name ? null : {
    name, login, email: body.email,
    roles: (Array.isArray(roles) ? roles : [])
      .filter((role) => !GIVEN_TO_ALL.test(role)),
    expires: body.expires_at,
  };
}

/**
 * Who is logged in: {state: "user", user}; {state: "none"} when no login
 * stands in front of the engine; {state: "ended"}; {state: "unknown", text}.
 */
export async function whoAmI() {
  try {
    const user = person(await send("GET", "/oauth2/userinfo"));
    return user ? { state: "user", user } : { state: "none" };
  } catch (error) {
    if (error.kind === "session") return { state: "ended" };
    const absent = error.status === 404 || error.status === 401
      || error.status === 405 || error.message === "The answer is not JSON.";
    return absent ? { state: "none" }
      : { state: "unknown", text: error.message };
  }
}
