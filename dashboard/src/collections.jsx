// SPDX-License-Identifier: Apache-2.0
// The front page: every collection with what it holds and how it is doing.
import { useState } from "preact/hooks";
import { api } from "./api.js";
import { useLoad } from "./load.js";
import { count, plural, vectorsOf, vectorWords } from "./format.js";
import { linkTo } from "./route.js";
import { Problem, Status, Waiting } from "./parts.jsx";

const byName = new Intl.Collator("en", { numeric: true }).compare;
const ROWS_MAX = 50;
const SEARCH_FROM = 8;

function Vectors({ info }) {
  const vectors = vectorsOf(info);
  if (!vectors.length) return <span class="faint">none</span>;
  return vectors.map((vector) => (
    <span key={vector.name} class="vector">{vectorWords(vector)}</span>
  ));
}

function Row({ name, turn }) {
  const { data, error } = useLoad(
    (signal) => api.collection(name, { signal }), [name, turn]);
  const info = data?.result;
  return (
    <tr>
      <th scope="row"><a href={linkTo.points(name)}>{name}</a></th>
      {error && <td colSpan={3} class="bad-text">{error.message}</td>}
      {!error && !info && <td colSpan={3}><span class="bone" /></td>}
      {!error && info && (
        <>
          <td class="number" data-label="Points">{count(info.points_count)}</td>
          <td data-label="Vectors"><Vectors info={info} /></td>
          <td data-label="Status"><Status value={info.status} /></td>
        </>
      )}
    </tr>
  );
}

function Table({ names, turn }) {
  return (
    <div class="card table">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">Points</th>
            <th scope="col">Vectors</th>
            <th scope="col">Status</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => <Row key={name} name={name} turn={turn} />)}
        </tbody>
      </table>
    </div>
  );
}

const EXAMPLE = "PUT /collections/first\n"
  + "{\"vectors\": {\"size\": 4, \"distance\": \"Cosine\"}}";

function Empty() {
  return (
    <div class="card empty">
      <h2>No collections yet</h2>
      <p>A collection is made through the API, for example:</p>
      <pre class="json">{EXAMPLE}</pre>
    </div>
  );
}

function Listing({ names, turn }) {
  const [wanted, setWanted] = useState("");
  const found = names.filter((name) =>
    name.toLowerCase().includes(wanted.trim().toLowerCase()));
  const shown = found.slice(0, ROWS_MAX);
  return (
    <>
      {names.length >= SEARCH_FROM && (
        <div class="tools">
          <label class="find">
            <span class="unseen">Find by name</span>
            <input type="search" value={wanted} placeholder="Find by name"
              onInput={(event) => setWanted(event.currentTarget.value)} />
          </label>
        </div>
      )}
      {shown.length ? <Table names={shown} turn={turn} />
        : <p class="faint">No collection has “{wanted}” in its name.</p>}
      {found.length > shown.length && (
        <p class="faint">
          {shown.length} of {plural(found.length, "collection")} are shown;
          type a part of the name to find the others.
        </p>
      )}
    </>
  );
}

export function Collections() {
  const [turn, setTurn] = useState(0);
  const { data, error, busy } = useLoad(
    (signal) => api.collections({ signal }), [turn]);
  const names = data?.result?.collections?.map((c) => c.name).sort(byName);
  const reload = () => setTurn(turn + 1);
  return (
    <>
      <div class="heading">
        <h1>Collections</h1>
        {names && <span class="faint">{count(names.length)}</span>}
        <button type="button" class="quiet push" onClick={reload}
          disabled={busy}>Refresh</button>
      </div>
      {error && <Problem error={error} retry={reload}
        title="The collections could not be read" />}
      {!error && !names && <Waiting />}
      {!error && names && (names.length
        ? <Listing names={names} turn={turn} /> : <Empty />)}
    </>
  );
}
