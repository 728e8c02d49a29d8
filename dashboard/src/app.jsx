// SPDX-License-Identifier: Apache-2.0
// The shell: header, the page that the address names, and the session.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { useLoad } from "./load.js";
import { linkTo, parseRoute } from "./route.js";
import { Account, SessionEnded, useSession } from "./session.jsx";
import { Mark } from "./parts.jsx";
import { Collections } from "./collections.jsx";
import { Collection } from "./collection.jsx";
import { Point } from "./point.jsx";

function useRoute() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const move = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", move);
    return () => removeEventListener("hashchange", move);
  }, []);
  return route;
}

function titleOf(route) {
  if (route.page === "point") return `${route.id} · ${route.name} · Azimuth`;
  return route.name ? `${route.name} · Azimuth` : "Collections · Azimuth";
}

function Page({ route }) {
  if (route.page === "collections") return <Collections />;
  if (route.page === "point") {
    return <Point key={`${route.name}/${route.id}`} route={route} />;
  }
  if (route.name) return <Collection key={route.name} route={route} />;
  return (
    <div class="empty">
      <h1>There is no such page</h1>
      <p><a href={linkTo.collections()}>To the collections</a></p>
    </div>
  );
}

/** Which engine this is. Says nothing where it may not be asked. */
function Version() {
  const { data } = useLoad((signal) => api.telemetry({ signal }), []);
  const app = data?.result?.app;
  if (!app?.version) return null;
  return (
    <footer>
      {app.name} {app.version}
      {app.api_version && <>, API level {app.api_version}</>}
    </footer>
  );
}

export function App() {
  const session = useSession();
  const route = useRoute();
  const place = `${route.page}/${route.name ?? ""}/${route.id ?? ""}`;
  useEffect(() => {
    document.title = titleOf(route);
    scrollTo(0, 0);
  }, [place]);
  // The link that was followed is gone: go on at the top of the new content.
  const subject = `${route.name ?? ""}/${route.id ?? ""}`;
  const last = useRef(subject);
  useEffect(() => {
    if (last.current === subject) return;
    last.current = subject;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [subject]);
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  if (session.state === "ended") return <SessionEnded />;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>Skip to the content</a>
      <header class="top">
        <a class="brand" href={linkTo.collections()}><Mark />Azimuth</a>
        <Account session={session} />
      </header>
      <main id="main" tabIndex={-1}><Page route={route} /></main>
      <Version />
    </>
  );
}
