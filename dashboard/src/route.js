// SPDX-License-Identifier: Apache-2.0
// Where the page is, kept in the part of the address after `#`: the server
// needs to know one page only, and every view has a link of its own.
//   #/                                    the collections
//   #/collections/NAME[?offset=..]        points of one
//   #/collections/NAME/info               its configuration
//   #/collections/NAME/points/ID          one point and its neighbours

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Hash text -> {page, name?, id?, query: {}}. Unknown paths: page "none". */
export function parseRoute(hash) {
  const [path, search = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decodePart);
  const query = Object.fromEntries(new URLSearchParams(search));
  const [root, name, tab, id] = parts;
  if (!parts.length) return { page: "collections", query };
  if (root !== "collections" || parts.length > 4) return { page: "none", query };
  if (parts.length === 1) return { page: "collections", query };
  if (parts.length === 2) return { page: "points", name, query };
  if (parts.length === 3 && tab === "info") return { page: "info", name, query };
  if (parts.length === 4 && tab === "points") {
    return { page: "point", name, id, query };
  }
  return { page: "none", query };
}

function withQuery(path, query) {
  const kept = Object.entries(query ?? {})
    .filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([k, v]) => [k, String(v)]));
  return kept.length ? `${path}?${text}` : path;
}

export const linkTo = {
  collections: () => "#/",
  points: (name, query) =>
    withQuery(`#/collections/${encodeURIComponent(name)}`, query),
  info: (name) => `#/collections/${encodeURIComponent(name)}/info`,
  point: (name, id, query) => withQuery(
    `#/collections/${encodeURIComponent(name)}/points/`
      + encodeURIComponent(String(id)), query),
};

/** The address that logs in and comes back to this very view. */
export function loginLink(location) {
  const back = location.pathname + location.search + location.hash;
  return `/oauth2/start?rd=${encodeURIComponent(back)}`;
}
