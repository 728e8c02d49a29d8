// SPDX-License-Identifier: Apache-2.0
// The small pieces that several pages are made of.
import { useState } from "preact/hooks";
import { encode } from "./json.js";
import { oneLine } from "./format.js";
import { linkTo } from "./route.js";

const PAIRS_MAX = 10;

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="13" fill="none" stroke="currentColor"
        stroke-opacity=".4" stroke-width="2" />
      <path d="M23.5 6.5 18.5 18.5 6.5 23.5 13.5 13.5Z" fill="currentColor" />
    </svg>
  );
}

export function Problem({ error, retry, title = "This did not work" }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{title}</strong>
      <p>{error.message}</p>
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Waiting({ lines = 4, what = "Loading" }) {
  return (
    <div class="waiting" role="status">
      <span class="unseen">{what}…</span>
      {Array.from({ length: lines }, (_, i) => <span key={i} class="bone" />)}
    </div>
  );
}

const STATUS_WORDS = {
  green: ["ok", "Ready"],
  yellow: ["warn", "Working"],
  grey: ["idle", "Waiting"],
  red: ["bad", "Failed"],
};

export function Status({ value }) {
  const [tone, word] = STATUS_WORDS[value] ?? ["idle", String(value)];
  return (
    <span class={`status ${tone}`} title={`status: ${value}`}>
      <span class="dot" aria-hidden="true" />{word}
    </span>
  );
}

export function Copy({ text, label = "Copy" }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Copying is not allowed here");
    }
    setTimeout(() => setSaid(""), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={copy} aria-live="polite">
      {said || label}
    </button>
  );
}

/** A payload value in full: text wraps, lists become chips, trees JSON. */
export function Value({ value }) {
  if (isBlank(value)) {
    return <span class="faint">{value === "" ? "empty text" : encode(value)}
    </span>;
  }
  if (typeof value === "string") return <span class="text">{value}</span>;
  if (Array.isArray(value)
      && value.every((v) => v === null || typeof v !== "object")) {
    return (
      <ul class="chips">
        {value.map((item, i) => <li key={i}>{String(item)}</li>)}
      </ul>
    );
  }
  if (typeof value === "object") {
    return <pre class="json">{encode(value, 2)}</pre>;
  }
  return <span class="plain">{String(value)}</span>;
}

export function Payload({ payload }) {
  const entries = Object.entries(payload ?? {});
  if (!entries.length) return <p class="faint">This point has no payload.</p>;
  return (
    <dl class="payload">
      {entries.map(([key, value]) => (
        <div key={key}><dt>{key}</dt><dd><Value value={value} /></dd></div>
      ))}
    </dl>
  );
}

function isBlank(value) {
  return value === null || value === ""
    || (typeof value === "object" && Object.keys(value).length === 0);
}

/** One point in a list: headline, sentence, and the other values in short. */
export function PointItem({ name, point, keys, using, before, after }) {
  const payload = point.payload ?? {};
  const title = typeof payload[keys.title] === "string" && payload[keys.title];
  const text = typeof payload[keys.text] === "string" && payload[keys.text];
  const others = Object.entries(payload).filter(([key, value]) =>
    !isBlank(value) && !(title && key === keys.title)
      && !(text && key === keys.text));
  return (
    <li class="point">
      {before}
      <div class="point-body">
        <p class="point-head">
          <a href={linkTo.point(name, point.id, { using })}>
            {title ? oneLine(title, 120) : `Point ${point.id}`}
          </a>
          {title && <span class="id">{String(point.id)}</span>}
        </p>
        {text && <p class="point-text">{oneLine(text, 280)}</p>}
        {others.length > 0 && (
          <ul class="pairs">
            {others.slice(0, PAIRS_MAX).map(([key, value]) => (
              <li key={key}><span>{key}</span> {oneLine(value)}</li>
            ))}
            {others.length > PAIRS_MAX
              && <li class="faint">and {others.length - PAIRS_MAX} more</li>}
          </ul>
        )}
        {!title && !text && !others.length
          && <p class="faint">no payload</p>}
      </div>
      {after}
    </li>
  );
}
