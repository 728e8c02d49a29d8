// SPDX-License-Identifier: Apache-2.0
// One collection: its figures, and below them its points or its settings.
import { api } from "./api.js";
import { useLoad } from "./load.js";
import { count, vectorsOf, vectorWords } from "./format.js";
import { linkTo } from "./route.js";
import { Problem, Status, Waiting } from "./parts.jsx";
import { Points } from "./points.jsx";
import { Info } from "./info.jsx";

export function Crumbs({ name, children }) {
  return (
    <nav class="crumbs" aria-label="Where you are">
      <a href={linkTo.collections()}>Collections</a>
      {name && <a href={linkTo.points(name)}>{name}</a>}
      {children}
    </nav>
  );
}

function Figures({ info }) {
  const vectors = vectorsOf(info);
  const indexed = Object.keys(info.payload_schema ?? {}).length;
  const scanned = info.indexed_vectors_count === 0 && info.points_count > 0;
  const figures = [
    ["Points", count(info.points_count)],
    ["Vectors in the graph", count(info.indexed_vectors_count),
      scanned && "all are scanned exactly"],
    ["Payload indexes", count(indexed)],
    [vectors.length === 1 ? "Vector" : "Vectors",
      vectors.map(vectorWords).join("\n") || "none"],
  ];
  return (
    <dl class="figures">
      {figures.map(([label, value, note]) => (
        <div key={label} class="card">
          <dt>{label}</dt>
          <dd class={value.includes("\n") ? "several" : undefined}>
            {value}{note && <span class="note">{note}</span>}</dd>
        </div>
      ))}
    </dl>
  );
}

function Tabs({ route }) {
  const tab = (page, href, word) => (
    <a href={href} aria-current={route.page === page ? "page" : undefined}>
      {word}
    </a>
  );
  return (
    <nav class="tabs" aria-label="Views of this collection">
      {tab("points", linkTo.points(route.name), "Points")}
      {tab("info", linkTo.info(route.name), "Settings")}
    </nav>
  );
}

export function Collection({ route }) {
  const { name } = route;
  const { data, error, busy, reload } = useLoad(
    (signal) => api.collection(name, { signal }), [name]);
  const info = data?.result;
  return (
    <>
      <Crumbs />
      <div class="heading">
        <h1>{name}</h1>
        {info && <Status value={info.status} />}
        <button type="button" class="quiet push" onClick={reload}
          disabled={busy}>Refresh</button>
      </div>
      {error && <Problem error={error} retry={reload}
        title="The collection could not be read" />}
      {!error && !info && <Waiting />}
      {info && (
        <>
          <Figures info={info} />
          <Tabs route={route} />
          {route.page === "info" ? <Info info={info} />
            : <Points route={route} info={info} />}
        </>
      )}
    </>
  );
}
