// SPDX-License-Identifier: Apache-2.0
// Values of the API as people read them. No DOM in here.
import { encode } from "./json.js";

const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

export function count(value) {
  return value === null || value === undefined ? "–" : whole.format(value);
}

export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Seconds to "0.4 ms", "12 ms", "1.3 s". */
export function duration(seconds) {
  if (!(seconds >= 0)) return "";
  const ms = seconds * 1000;
  if (ms < 0.1) return "less than 0.1 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${seconds.toFixed(1)} s`;
}

export function score(value) {
  return Number.isFinite(value) ? value.toFixed(4) : String(value);
}

/** A moment: unix seconds or ISO text -> Date, null when it is neither. */
export function moment(value) {
  if (value === null || value === undefined || value === "") return null;
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** "14:05", with the day in front when it is not today. */
export function timeOfDay(date, now = new Date()) {
  const today = date.toDateString() === now.toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** config.params -> [{name, size, distance, kind, ...}], dense then sparse. */
export function vectorsOf(info) {
  const params = info?.config?.params ?? {};
  const dense = params.vectors ?? {};
  const single = typeof dense.size === "number";
  const list = Object.entries(single ? { "": dense } : dense)
    .map(([name, one]) => ({
      name,
      kind: one.multivector_config ? "multivector" : "dense",
      size: one.size,
      distance: one.distance,
      datatype: one.datatype ?? "float32",
      onDisk: one.on_disk === true,
    }));
  const sparse = Object.entries(params.sparse_vectors ?? {})
    .map(([name, one]) => ({ name, kind: "sparse", distance: "Dot",
      modifier: one?.modifier }));
  return [...list, ...sparse];
}

/** One vector in a few words: "384 · Cosine", "text: 384 · Cosine". */
export function vectorWords(vector) {
  const words = vector.kind === "sparse"
    ? "sparse" : `${count(vector.size)} · ${vector.distance}`;
  return vector.name ? `${vector.name}: ${words}` : words;
}

/** True where a smaller score is the nearer point. */
export function isDistance(metric) {
  return metric === "Euclid" || metric === "Manhattan";
}

/** Length of a result's bar, 0..1. */
export function barLength(value, scores, metric) {
  if (!Number.isFinite(value)) return 0;
  if (isDistance(metric)) {
    const best = Math.min(...scores);
    return value <= 0 ? 1 : Math.max(0.02, best / value);
  }
  const top = metric === "Cosine" ? 1 : Math.max(...scores);
  return top > 0 ? Math.min(1, Math.max(0, value / top)) : 0;
}

/** A payload value on one line, cut at `limit` characters. */
export function oneLine(value, limit = 64) {
  let text;
  if (typeof value === "string") text = value;
  else if (Array.isArray(value) && value.every((v) => v === null
      || typeof v !== "object")) text = value.map(String).join(", ");
  else text = encode(value ?? null);
  text = text.replace(/\s+/g, " ").trim();
  const letters = [...text];
  return letters.length > limit
    ? letters.slice(0, limit - 1).join("").trimEnd() + "…" : text;
}

const TITLES = ["title", "name", "package", "label", "subject", "filename",
  "file_name", "product", "city", "source"];
const TEXTS = ["summary", "description", "text", "page_content", "content",
  "abstract", "body", "document", "snippet"];

/**
 * Which payload keys carry a headline and a sentence, so that a list reads
 * like a list of things: well-known names first, then by length of strings.
 */
export function headlineKeys(points) {
  const lengths = new Map();
  for (const { payload } of points) {
    for (const [key, value] of Object.entries(payload ?? {})) {
      if (typeof value !== "string" || !value) continue;
      const seen = lengths.get(key) ?? { sum: 0, times: 0 };
      lengths.set(key, { sum: seen.sum + value.length, times: seen.times + 1 });
    }
  }
  const often = [...lengths].filter(([, s]) => s.times * 2 >= points.length);
  const mean = new Map(often.map(([key, s]) => [key, s.sum / s.times]));
  const known = (names) => names.map((name) =>
    [...mean.keys()].find((key) => key.toLowerCase() === name)).find(Boolean);
  const byLength = [...mean].sort((a, b) => b[1] - a[1]).map(([key]) => key);
  const text = known(TEXTS) ?? byLength.find((key) => mean.get(key) > 40);
  const title = known(TITLES)
    ?? [...mean.keys()].find((key) => key !== text && mean.get(key) <= 60);
  return { title, text: text === title ? undefined : text };
}
