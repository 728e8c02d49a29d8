// SPDX-License-Identifier: Apache-2.0
// One point: what it carries, and the points nearest to it.
import { useMemo } from "preact/hooks";
import { api } from "./api.js";
import { useLoad } from "./load.js";
import { barLength, duration, headlineKeys, isDistance, oneLine, plural,
  score, vectorsOf, vectorWords } from "./format.js";
import { encode, pointId } from "./json.js";
import { linkTo } from "./route.js";
import { Crumbs } from "./collection.jsx";
import { Copy, Payload, PointItem, Problem, Waiting } from "./parts.jsx";

const LIMITS = [10, 20, 50, 100];
const NUMBERS_SHOWN = 8;

/** The point's vectors as [{name, words, text}]. */
function vectorList(vector) {
  if (vector === null || vector === undefined) return [];
  const named = Array.isArray(vector) ? { "": vector } : vector;
  return Object.entries(named).map(([name, value]) => {
    const sparse = !Array.isArray(value);
    const first = sparse ? value.values ?? [] : value.flat();
    return {
      name, text: encode(value),
      words: sparse ? plural(first.length, "non-zero value")
        : Array.isArray(value[0]) ? `${value.length} rows`
          : plural(value.length, "number"),
      start: first.slice(0, NUMBERS_SHOWN).map((x) => Number(x).toFixed(4))
        .join(", ") + (first.length > NUMBERS_SHOWN ? ", …" : ""),
    };
  });
}

function Vectors({ vector }) {
  const list = vectorList(vector);
  if (!list.length) return <p class="faint">This point has no vector.</p>;
  return list.map((one) => (
    <div key={one.name} class="vector-box">
      <p>
        {one.name && <strong>{one.name} </strong>}
        <span class="faint">{one.words}</span>
        <Copy text={one.text} label="Copy all" />
      </p>
      <pre class="json">[{one.start}]</pre>
    </div>
  ));
}

function About({ found }) {
  const { data, error, reload } = found;
  if (error) {
    return <Problem error={error} retry={reload}
      title="The point could not be read" />;
  }
  if (!data) return <Waiting lines={6} />;
  const { payload, vector } = data.result;
  return (
    <>
      <section class="card">
        <h2>Payload <Copy text={encode(payload ?? {}, 2)} label="Copy JSON" />
        </h2>
        <Payload payload={payload} />
      </section>
      <section class="card">
        <h2>{Array.isArray(vector) ? "Vector" : "Vectors"}</h2>
        <Vectors vector={vector} />
      </section>
    </>
  );
}

function Bar({ length }) {
  return (
    <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none"
      aria-hidden="true">
      <rect width="100" height="4" class="bar-all" />
      <rect width={Math.round(length * 100)} height="4" class="bar-part" />
    </svg>
  );
}

function Controls({ name, id, query, using, limit, choices }) {
  const change = (part) => {
    location.hash = linkTo.point(name, id, { ...query, ...part });
  };
  return (
    <div class="tools">
      {choices.length > 1 && (
        <label>By{" "}
          <select value={using}
            onChange={(e) => change({ using: e.currentTarget.value })}>
            {choices.map((v) => (
              <option key={v.name} value={v.name}>{vectorWords(v)}</option>
            ))}
          </select>
        </label>
      )}
      <label>Show{" "}
        <select value={limit}
          onChange={(e) => change({ limit: e.currentTarget.value })}>
          {LIMITS.map((one) => <option key={one}>{one}</option>)}
        </select>
      </label>
    </div>
  );
}

function Hits({ name, hits, metric, using }) {
  const keys = useMemo(() => headlineKeys(hits), [hits]);
  const scores = hits.map((hit) => hit.score);
  return (
    <ol class="card points">
      {hits.map((hit) => (
        <PointItem key={String(hit.id)} name={name} point={hit} keys={keys}
          using={using} before={(
            <p class="score">
              <span class="unseen">{isDistance(metric) ? "distance" : "score"}
              </span>
              <span class="score-number">{score(hit.score)}</span>
              <Bar length={barLength(hit.score, scores, metric)} />
            </p>
          )} />
      ))}
    </ol>
  );
}

function Similar({ route, id, info }) {
  const { name, query } = route;
  const choices = vectorsOf(info);
  const chosen = choices.find((v) => v.name === query.using) ?? choices[0];
  const limit = LIMITS.includes(Number(query.limit)) ? Number(query.limit) : 10;
  const using = chosen?.name || undefined;
  const body = { query: id, using, limit, with_payload: true };
  const { data, error, busy, reload } = useLoad(
    async (signal) => ({ ...await api.query(name, body, { signal }), chosen }),
    [name, encode(body)]);
  const hits = data?.result?.points;
  // The last answer stays while the next one comes: so does what it was by.
  const metric = data?.chosen?.distance;
  return (
    <section aria-label="Nearest points" aria-busy={busy}>
      <div class="heading low">
        <h2>Nearest points</h2>
        <Controls name={name} id={id} query={query} using={using} limit={limit}
          choices={choices} />
      </div>
      {error && <Problem error={error} retry={reload}
        title="The search did not work" />}
      {!error && !hits && <Waiting lines={6} />}
      {!error && hits && (
        <>
          <p class="summary" role="status">
            {plural(hits.length, "point")} in {duration(data.time)}
            {metric && <>, {isDistance(metric)
              ? `${metric} distance, smaller is nearer`
              : `${metric} score, larger is nearer`}</>}
          </p>
          {hits.length > 0
            ? <Hits name={name} hits={hits} metric={metric}
              using={data.chosen?.name || undefined} />
            : <p class="card empty faint">There is no other point.</p>}
        </>
      )}
    </section>
  );
}

export function Point({ route }) {
  const { name } = route;
  const id = pointId(route.id);
  const { data, error, reload } = useLoad(
    (signal) => api.collection(name, { signal }), [name]);
  const found = useLoad(
    (signal) => api.point(name, id, { signal }), [name, String(id)]);
  const info = data?.result;
  const point = found.data?.result;
  const title = point?.payload?.[headlineKeys([point]).title];
  return (
    <>
      <Crumbs name={name} />
      <div class="heading">
        <h1>{title ? oneLine(title, 120) : `Point ${id}`}</h1>
        {title && <span class="id">{String(id)}</span>}
      </div>
      {error && <Problem error={error} retry={reload}
        title="The collection could not be read" />}
      {!error && !info && <Waiting />}
      {!error && info && (
        <div class="two">
          <div class="about"><About found={found} /></div>
          <Similar route={route} id={id} info={info} />
        </div>
      )}
    </>
  );
}
