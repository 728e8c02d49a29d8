// SPDX-License-Identifier: Apache-2.0
// One "key is value" condition, as the person typed it, to the API's filter.

const TYPES_OF_TEXT = new Set(["keyword", "text", "uuid"]);

/** The type of a key: its index says it, else the first value seen. */
export function typeOfKey(key, schema, points) {
  const indexed = schema?.[key]?.data_type;
  if (indexed) return indexed;
  for (const point of points ?? []) {
    let value = point.payload?.[key];
    if (Array.isArray(value)) [value] = value;
    if (typeof value === "string") return "keyword";
    if (typeof value === "boolean") return "bool";
    if (typeof value === "bigint") return "integer";
    if (typeof value === "number") {
      return Number.isInteger(value) ? "integer" : "float";
    }
  }
  return "keyword";
}

/**
 * {filter} or {error}: the filter for `key` = `text` under the key's type.
 * An empty key or text is no filter at all: {}.
 */
export function buildFilter(key, text, type) {
  const value = (text ?? "").trim();
  if (!key || !value) return {};
  const match = (exact) => ({ filter: { must: [{ key, match: exact }] } });
  const range = (given) =>
    ({ filter: { must: [{ key, range: { gte: given, lte: given } }] } });
  if (type === "text") return match({ text: value });
  if (TYPES_OF_TEXT.has(type)) return match({ value });
  if (type === "bool") {
    if (/^(true|false)$/i.test(value)) {
      return match({ value: value.toLowerCase() === "true" });
    }
    return { error: `${key} is true or false` };
  }
  if (type === "integer") {
    if (/^-?\d{1,19}$/.test(value)) return match({ value: BigInt(value) });
    return { error: `${key} is a whole number` };
  }
  if (type === "float") {
    if (Number.isFinite(Number(value))) return range(Number(value));
    return { error: `${key} is a number` };
  }
  if (type === "datetime") return range(value);
  return { error: `a filter on ${type} is not offered here` };
}

/** Keys a person may filter by: the indexed ones, then plain ones seen. */
export function filterKeys(schema, points) {
  const keys = new Set(Object.keys(schema ?? {}).filter(
    (key) => schema[key]?.data_type !== "geo"));
  for (const point of points ?? []) {
    for (const [key, value] of Object.entries(point.payload ?? {})) {
      const plain = Array.isArray(value) ? value[0] : value;
      // A key with such characters would need quoting as a JSON path.
      if (/^[A-Za-z0-9_-]+$/.test(key) && plain !== null
          && plain !== undefined && typeof plain !== "object") keys.add(key);
    }
  }
  return [...keys];
}
