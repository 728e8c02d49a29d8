// SPDX-License-Identifier: Apache-2.0
// How a collection is set up, as the engine reports it.
import { count, vectorsOf } from "./format.js";
import { encode } from "./json.js";
import { Copy, Value } from "./parts.jsx";

function VectorTable({ info }) {
  const vectors = vectorsOf(info);
  return (
    <section class="card table">
      <h2>Vectors</h2>
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">Name</th><th scope="col">Kind</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">Distance</th><th scope="col">Stored as</th>
          </tr>
        </thead>
        <tbody>
          {vectors.map((vector) => (
            <tr key={vector.name}>
              <th scope="row">{vector.name
                || <span class="faint">unnamed</span>}</th>
              <td data-label="Kind">{vector.kind}</td>
              <td class="number" data-label="Size">
                {vector.size ? count(vector.size) : "–"}</td>
              <td data-label="Distance">{vector.distance}</td>
              <td data-label="Stored as">{vector.datatype ?? "–"}{vector.onDisk && ", on disk"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function IndexTable({ schema }) {
  const fields = Object.entries(schema ?? {});
  return (
    <section class="card table">
      <h2>Payload indexes</h2>
      {fields.length === 0
        && <p class="faint pad">No payload field is indexed.</p>}
      {fields.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Field</th><th scope="col">Type</th>
              <th scope="col" class="number">Points</th>
            </tr>
          </thead>
          <tbody>
            {fields.map(([field, index]) => (
              <tr key={field}>
                <th scope="row">{field}</th>
                <td>{index.data_type}</td>
                <td class="number">{count(index.points)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Group({ title, values }) {
  const entries = Object.entries(values ?? {})
    .filter(([, value]) => value !== null && value !== undefined);
  if (!entries.length) return null;
  return (
    <section class="card">
      <h2>{title}</h2>
      <dl class="payload">
        {entries.map(([key, value]) => (
          <div key={key}><dt>{key}</dt><dd><Value value={value} /></dd></div>
        ))}
      </dl>
    </section>
  );
}

export function Info({ info }) {
  const config = info.config ?? {};
  const { vectors, sparse_vectors: sparse, ...params } = config.params ?? {};
  const text = encode(info, 2);
  return (
    <div class="settings">
      {typeof info.optimizer_status === "object" && info.optimizer_status && (
        <div class="notice bad" role="alert">
          <strong>The engine reports a problem</strong>
          <p>{info.optimizer_status.error ?? encode(info.optimizer_status)}</p>
        </div>
      )}
      <VectorTable info={info} />
      <IndexTable schema={info.payload_schema} />
      <div class="columns">
        <Group title="Collection" values={params} />
        <Group title="Graph (HNSW)" values={config.hnsw_config} />
        <Group title="Optimizer" values={config.optimizer_config} />
        <Group title="Write-ahead log" values={config.wal_config} />
        <Group title="Quantization" values={config.quantization_config} />
        <Group title="Metadata" values={config.metadata} />
      </div>
      <details class="card raw">
        <summary>The whole answer as JSON</summary>
        <Copy text={text} />
        <pre class="json">{text}</pre>
      </details>
    </div>
  );
}
