// SPDX-License-Identifier: Apache-2.0
import { test } from "node:test";
import assert from "node:assert/strict";
import { decode, encode, pointId } from "../src/json.js";

test("integers beyond 2^53 survive both ways", () => {
  const text = '{"points":[{"id":18446744073709551615},{"id":7}],'
    + '"low":-9223372036854775808}';
  const value = decode(text);
  assert.equal(value.points[0].id, 18446744073709551615n);
  assert.equal(value.points[1].id, 7);
  assert.equal(value.low, -9223372036854775808n);
  assert.equal(encode(value), text);
});

test("the largest safe integer stays a number, the next does not", () => {
  assert.equal(decode("9007199254740991"), 9007199254740991);
  assert.equal(decode("9007199254740993"), 9007199254740993n);
});

test("digits inside strings and keys are left alone", () => {
  const text = JSON.stringify({
    "9007199254740993": 'say \\"18446744073709551615\\" \\',
    a: "\\", b: 18446744073709552000, c: '"',
  });
  assert.deepEqual(decode(text), {
    "9007199254740993": 'say \\"18446744073709551615\\" \\',
    a: "\\", b: 18446744073709552000n, c: '"',
  });
});

test("fractions and exponents stay numbers", () => {
  assert.deepEqual(decode("[0.12345678901234567890,1e30,12345678901234567e2]"),
    [0.12345678901234568, 1e30, 12345678901234567e2]);
});

test("broken text is refused, large integers or not", () => {
  assert.throws(() => decode('{"a":'), SyntaxError);
  assert.throws(() => decode('{"a":18446744073709551615'), SyntaxError);
  assert.throws(() => decode('{"a":18446744073709551615,"b":"'), SyntaxError);
});

test("a megabyte of text does not exhaust the stack", () => {
  const long = '\\"x'.repeat(400000);
  const value = decode(JSON.stringify({ long, id: 1 })
    .replace('"id":1', '"id":18446744073709551615'));
  assert.equal(value.long, long);
  assert.equal(value.id, 18446744073709551615n);
});

test("indented text reads back", () => {
  const value = { a: [1, { b: "x" }], c: {}, d: [], e: null };
  assert.equal(encode(value, 2), JSON.stringify(value, null, 2));
});

test("typed ids are numbers, large numbers or UUIDs", () => {
  assert.equal(pointId(" 42 "), 42);
  assert.equal(pointId("18446744073709551615"), 18446744073709551615n);
  const uuid = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26";
  assert.equal(pointId(uuid), uuid);
});
