// SPDX-License-Identifier: Apache-2.0
// Browsing the points of a collection, page by page, with one condition.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { useLoad } from "./load.js";
import { buildFilter, filterKeys, typeOfKey } from "./filter.js";
import { headlineKeys, plural, count } from "./format.js";
import { encode, pointId } from "./json.js";
import { linkTo } from "./route.js";
import { PointItem, Problem, Waiting } from "./parts.jsx";

const SIZES = [10, 20, 50, 100];
const SIZE_DEFAULT = 20;

function sizeOf(query) {
  const size = Number(query.limit);
  return SIZES.includes(size) ? size : SIZE_DEFAULT;
}

function go(name, query) {
  location.hash = linkTo.points(name, query);
}

/** The line of controls: condition on the left, jump to an id on the right. */
function Tools({ name, query, keys, note }) {
  const [key, setKey] = useState(query.key ?? "");
  const [value, setValue] = useState(query.value ?? "");
  const [id, setId] = useState("");
  useEffect(() => {
    setKey(query.key ?? "");
    setValue(query.value ?? "");
  }, [query.key, query.value]);
  const chosen = key || keys[0] || "";
  const apply = (event) => {
    event.preventDefault();
    go(name, { limit: query.limit,
      ...(value.trim() && { key: chosen, value: value.trim() }) });
  };
  const open = (event) => {
    event.preventDefault();
    if (id.trim()) location.hash = linkTo.point(name, pointId(id));
  };
  const offered = chosen && !keys.includes(chosen) ? [chosen, ...keys] : keys;
  return (
    <div class="tools">
      {offered.length > 0 && (
        <form class="join grow" onSubmit={apply} aria-label="Filter">
          <label>
            <span class="unseen">Field</span>
            <select value={chosen}
              onChange={(event) => setKey(event.currentTarget.value)}>
              {offered.map((one) => <option key={one}>{one}</option>)}
            </select>
          </label>
          <label class="grow">
            <span class="unseen">Value</span>
            <input value={value} placeholder="is exactly …" spellcheck={false}
              autocapitalize="off" aria-describedby={note && "filter-note"}
              aria-invalid={note ? "true" : undefined}
              onInput={(event) => setValue(event.currentTarget.value)} />
          </label>
          <button type="submit">Filter</button>
          {query.value && (
            <a class="button quiet" href={linkTo.points(name,
              { limit: query.limit })}>Clear</a>
          )}
        </form>
      )}
      <form class="join" onSubmit={open} aria-label="Open a point">
        <label>
          <span class="unseen">Point id</span>
          <input value={id} placeholder="Point id" spellcheck={false}
            onInput={(event) => setId(event.currentTarget.value)} />
        </label>
        <button type="submit">Open</button>
      </form>
      {note && <p id="filter-note" class="bad-text wide">{note}</p>}
    </div>
  );
}

function Pager({ name, query, trail, next, size, busy }) {
  const forward = next !== null && next !== undefined;
  const { offset, ...same } = query;
  const back = () => (trail.length ? history.back() : go(name, same));
  return (
    <div class="pager">
      <label>
        Points per page{" "}
        <select value={size} onChange={(event) =>
          go(name, { ...same, limit: event.currentTarget.value })}>
          {SIZES.map((one) => <option key={one}>{one}</option>)}
        </select>
      </label>
      <span class="push" />
      {offset !== undefined && (
        <button type="button" disabled={busy} onClick={back}>
          {trail.length ? "Previous" : "First page"}
        </button>
      )}
      <button type="button" disabled={busy || !forward}
        onClick={() => go(name, { ...same, offset: next })}>Next</button>
    </div>
  );
}

/* The offsets walked through to reach this page under the same condition:
 * with them "Previous" can be the browser's own step back. */
function useTrail(query) {
  const trail = useRef([]);
  const base = encode({ ...query, offset: undefined });
  const last = useRef(base);
  if (last.current !== base) {
    trail.current = [];
    last.current = base;
  }
  const here = query.offset ?? "";
  const known = trail.current.indexOf(here);
  trail.current = known >= 0 ? trail.current.slice(0, known + 1)
    : [...trail.current, here];
  return trail.current.slice(0, -1);
}

function Summary({ query, total, points, held }) {
  if (query.value) {
    return total === undefined ? null : (
      <>{plural(total, "point")} with {query.key} = “{query.value}”</>
    );
  }
  return points.length
    ? <>{count(points.length)} of {plural(held, "point")}</> : null;
}

export function Points({ route, info }) {
  const { name, query } = route;
  const schema = info.payload_schema ?? {};
  const size = sizeOf(query);
  const sample = useRef([]);
  const type = typeOfKey(query.key, schema, sample.current);
  const { filter, error: note } = buildFilter(query.key, query.value, type);
  const body = { limit: size, filter, with_payload: true, with_vector: false,
    offset: query.offset === undefined ? undefined : pointId(query.offset) };
  const { data, error, busy, reload } = useLoad(
    (signal) => api.scroll(name, body, { signal }), [name, encode(body)]);
  const total = useLoad(
    async (signal) => filter
      ? (await api.count(name, { filter, exact: true }, { signal })).result.count
      : undefined, [name, encode(filter ?? null)]);
  const trail = useTrail(query);
  const top = useRef(null);
  const shown = useRef(query.offset);
  useEffect(() => {
    if (shown.current === query.offset) return;
    shown.current = query.offset;
    if (top.current?.getBoundingClientRect().top < 0) {
      top.current.scrollIntoView();
    }
  }, [query.offset]);
  const points = data?.result?.points;
  if (points?.length) sample.current = points;
  const keys = useMemo(() => headlineKeys(points ?? []), [points]);
  const offered = useMemo(() => filterKeys(schema, sample.current),
    [schema, points]);
  return (
    <section aria-label="Points" aria-busy={busy} ref={top}>
      <Tools name={name} query={query} keys={offered} note={note} />
      {error && <Problem error={error} retry={reload}
        title="The points could not be read" />}
      {!error && !points && <Waiting lines={6} />}
      {!error && points && (
        <>
          <p class="summary" role="status">
            <Summary query={query} total={total.data} points={points}
              held={info.points_count} />
          </p>
          {points.length === 0 && (
            <div class="card empty">
              <h2>{query.value ? "No point matches" : "No points here"}</h2>
              <p class="faint">{query.value
                ? "The value must be the whole value, in the same case."
                : "Points are added through the API."}</p>
            </div>
          )}
          {points.length > 0 && (
            <ol class={`card points ${busy ? "stale" : ""}`}>
              {points.map((point) => (
                <PointItem key={String(point.id)} name={name} point={point}
                  keys={keys} after={(
                    <a class="button similar"
                      href={linkTo.point(name, point.id)}
                      aria-label={`Find similar to point ${point.id}`}>
                      Find similar</a>
                  )} />
              ))}
            </ol>
          )}
          <Pager name={name} query={query} trail={trail} size={size}
            next={data.result.next_page_offset} busy={busy} />
        </>
      )}
    </section>
  );
}
