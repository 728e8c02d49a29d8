// SPDX-License-Identifier: Apache-2.0
// JSON that keeps whole numbers exact. Point ids are unsigned 64-bit; a plain
// JSON.parse would round those past 2^53. Such integers become BigInt here,
// all others stay numbers. Done on the text, because older browsers give a
// reviver no access to the source of a number.

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const WHOLE = /^-?\d{16,}$/;

// The index of the quote that ends the string opened at `open`.
function stringEnd(text, open) {
  for (let at = text.indexOf('"', open + 1); at >= 0;
    at = text.indexOf('"', at + 1)) {
    let back = at;
    while (text[back - 1] === "\\") back--;
    if ((at - back) % 2 === 0) return at;
  }
  return text.length - 1;
}

function quoteLargeIntegers(text, tag) {
  const quote = (token) =>
    WHOLE.test(token) && !Number.isSafeInteger(Number(token))
      ? `"${tag}${token}"` : token;
  let out = "";
  for (let at = 0; at < text.length;) {
    const open = text.indexOf('"', at);
    if (open < 0) return out + text.slice(at).replace(NUMBER, quote);
    const end = stringEnd(text, open);
    out += text.slice(at, open).replace(NUMBER, quote)
      + text.slice(open, end + 1);
    at = end + 1;
  }
  return out;
}

/** Parses JSON text; integers beyond 2^53 become BigInt. */
export function decode(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  // The tag is new for each text, so that no stored string can imitate it.
  const tag = `\u2063${Math.random()}:`;
  return JSON.parse(quoteLargeIntegers(text, tag), (key, value) =>
    typeof value === "string" && value.startsWith(tag)
      ? BigInt(value.slice(tag.length)) : value);
}

/** Writes JSON text, BigInt as a bare integer; `indent` spaces per level. */
export function encode(value, indent = 0, depth = 0) {
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const list = Array.isArray(value);
  const parts = list
    ? value.map((item) => encode(item ?? null, indent, depth + 1))
    : Object.entries(value).filter(([, item]) => item !== undefined)
      .map(([key, item]) => JSON.stringify(key) + (indent ? ": " : ":")
        + encode(item, indent, depth + 1));
  const [open, close] = list ? "[]" : "{}";
  if (!indent || !parts.length) return open + parts.join(",") + close;
  const pad = "\n" + " ".repeat(indent * depth);
  const step = " ".repeat(indent);
  return open + pad + step + parts.join("," + pad + step) + pad + close;
}

/** What a person typed or a link carries, as a point id: number or UUID. */
export function pointId(text) {
  const trimmed = text.trim();
  if (!/^\d{1,20}$/.test(trimmed)) return trimmed;
  const whole = BigInt(trimmed);
  return whole <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(whole) : whole;
}
