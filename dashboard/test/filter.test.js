// SPDX-License-Identifier: Apache-2.0
import { test } from "node:test";
import assert from "node:assert/strict";
import { buildFilter, filterKeys, typeOfKey } from "../src/filter.js";
import { encode } from "../src/json.js";

const must = (condition) => ({ filter: { must: [condition] } });

test("the condition follows the type of the key", () => {
  assert.deepEqual(buildFilter("section", " games ", "keyword"),
    must({ key: "section", match: { value: "games" } }));
  assert.deepEqual(buildFilter("on", "TRUE", "bool"),
    must({ key: "on", match: { value: true } }));
  assert.deepEqual(buildFilter("x", "1.5", "float"),
    must({ key: "x", range: { gte: 1.5, lte: 1.5 } }));
  assert.equal(encode(buildFilter("n", "9007199254740993", "integer").filter),
    '{"must":[{"key":"n","match":{"value":9007199254740993}}]}');
});

test("an empty box is no filter", () => {
  assert.deepEqual(buildFilter("section", "  ", "keyword"), {});
  assert.deepEqual(buildFilter("", "x", "keyword"), {});
});

test("a value that cannot match its type is named", () => {
  assert.match(buildFilter("n", "many", "integer").error, /whole number/);
  assert.match(buildFilter("on", "yes", "bool").error, /true or false/);
  assert.match(buildFilter("x", "Infinity", "float").error, /number/);
});

test("the index decides the type, then the values seen", () => {
  const points = [{ payload: { a: "x", n: [3], f: 0.5, on: true, o: {} } }];
  assert.equal(typeOfKey("a", { a: { data_type: "text" } }, points), "text");
  assert.equal(typeOfKey("n", {}, points), "integer");
  assert.equal(typeOfKey("f", {}, points), "float");
  assert.equal(typeOfKey("on", {}, points), "bool");
  assert.equal(typeOfKey("other", {}, points), "keyword");
});

test("keys on offer: indexed first, then plain ones seen", () => {
  const schema = { z: { data_type: "integer" }, g: { data_type: "geo" } };
  const points = [{ payload: { a: 1, "b.c": 2, o: {}, l: ["x"], n: null } }];
  assert.deepEqual(filterKeys(schema, points), ["z", "a", "l"]);
});
