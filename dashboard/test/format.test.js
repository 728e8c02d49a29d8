// SPDX-License-Identifier: Apache-2.0
import { test } from "node:test";
import assert from "node:assert/strict";
import * as format from "../src/format.js";

test("numbers and durations read well", () => {
  assert.equal(format.count(77688), "77,688");
  assert.equal(format.count(null), "–");
  assert.equal(format.plural(1, "point"), "1 point");
  assert.equal(format.plural(0, "point"), "0 points");
  assert.equal(format.duration(0.00042), "0.4 ms");
  assert.equal(format.duration(0.00002), "less than 0.1 ms");
  assert.equal(format.duration(0.0123), "12 ms");
  assert.equal(format.duration(1.26), "1.3 s");
});

test("moments come as seconds or as text", () => {
  assert.equal(format.moment(1700000000).toISOString(),
    "2023-11-14T22:13:20.000Z");
  assert.equal(format.moment("2023-11-14T22:13:20Z").getTime(), 1700000000000);
  assert.equal(format.moment("soon"), null);
  assert.equal(format.moment(undefined), null);
});

test("unnamed, named, multi and sparse vectors are told apart", () => {
  const of = (params) => format.vectorsOf({ config: { params } })
    .map(format.vectorWords);
  assert.deepEqual(of({ vectors: { size: 384, distance: "Cosine" } }),
    ["384 · Cosine"]);
  assert.deepEqual(of({
    vectors: { text: { size: 4, distance: "Dot" },
      size: { size: 8, distance: "Euclid" } },
    sparse_vectors: { words: {} },
  }), ["text: 4 · Dot", "size: 8 · Euclid", "words: sparse"]);
  assert.deepEqual(of({}), []);
});

test("bars grow towards the nearer point under every metric", () => {
  assert.equal(format.barLength(0.5, [0.9, 0.5], "Cosine"), 0.5);
  assert.equal(format.barLength(3, [6, 3], "Dot"), 0.5);
  assert.equal(format.barLength(4, [2, 4], "Euclid"), 0.5);
  assert.equal(format.barLength(0, [0, 4], "Euclid"), 1);
  assert.equal(format.barLength(-1, [-1, -2], "Dot"), 0);
});

test("values fit on a line and letters are never halved", () => {
  assert.equal(format.oneLine("a\n  b"), "a b");
  assert.equal(format.oneLine(["a", 1, true]), "a, 1, true");
  assert.equal(format.oneLine({ a: 18446744073709551615n }),
    '{"a":18446744073709551615}');
  assert.equal(format.oneLine("😀😀😀😀", 3), "😀😀…");
});

test("a headline is found by name, else by length", () => {
  assert.deepEqual(format.headlineKeys([
    { payload: { summary: "x", package: "y", section: "z" } }]),
  { title: "package", text: "summary" });
  assert.deepEqual(format.headlineKeys([
    { payload: { k: "short", long: "w".repeat(90), n: 1 } }]),
  { title: "k", text: "long" });
  assert.deepEqual(format.headlineKeys([{ payload: null }, {}]),
    { title: undefined, text: undefined });
});
