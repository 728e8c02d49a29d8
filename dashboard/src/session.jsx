// SPDX-License-Identifier: Apache-2.0
// Who is logged in, and the way out.
import { useEffect, useRef, useState } from "preact/hooks";
import { onSessionEnd, whoAmI } from "./api.js";
import { moment, timeOfDay } from "./format.js";
import { loginLink } from "./route.js";
import { Mark } from "./parts.jsx";

/** The session as {state, user?, text?}; looked at again on return to the tab. */
export function useSession() {
  const [session, setSession] = useState({ state: "asking" });
  useEffect(() => {
    let gone = false;
    let lastLook = 0;
    const look = async () => {
      lastLook = Date.now();
      const next = await whoAmI();
      if (gone) return;
      // A short outage of the login service is no reason to forget the user.
      setSession((old) => next.state === "unknown" && old.state === "user"
        ? old : next);
    };
    const onReturn = () => {
      if (!document.hidden && Date.now() - lastLook > 15000) look();
    };
    onSessionEnd(() => setSession({ state: "ended" }));
    document.addEventListener("visibilitychange", onReturn);
    look();
    return () => {
      gone = true;
      onSessionEnd(() => {});
      document.removeEventListener("visibilitychange", onReturn);
    };
  }, []);
  return session;
}

function Details({ user }) {
  const expires = moment(user.expires);
  return (
    <div class="card account-card">
      <p><strong>{user.name}</strong></p>
      {user.email && user.email !== user.name && <p>{user.email}</p>}
      <dl>
        {user.login && user.login !== user.name && (
          <div><dt>User</dt><dd>{user.login}</dd></div>
        )}
        <div>
          <dt>Roles</dt>
          <dd>{user.roles.join(", ") || "none"}</dd>
        </div>
        {expires && (
          <div>
            <dt>Session until</dt>
            <dd><time dateTime={expires.toISOString()}>
              {timeOfDay(expires)}</time></dd>
          </div>
        )}
      </dl>
      <p><a href="/oauth2/sessions">Where you are logged in</a></p>
    </div>
  );
}

function SignedIn({ user }) {
  const box = useRef(null);
  useEffect(() => {
    const close = (event) => {
      const leave = event.type === "keydown" ? event.key === "Escape"
        : !box.current?.contains(event.target);
      if (leave && box.current?.open) box.current.open = false;
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  return (
    <div class="account">
      <details ref={box}>
        <summary>
          <span class="unseen">Logged in as </span>
          <span class="who">{user.name}</span>
        </summary>
        <Details user={user} />
      </details>
      <form method="post" action="/oauth2/sign_out">
        <button>Sign out</button>
      </form>
    </div>
  );
}

export function Account({ session }) {
  if (session.state === "user") return <SignedIn user={session.user} />;
  if (session.state === "none") {
    return <p class="account faint">No login in front of this engine</p>;
  }
  if (session.state === "unknown") {
    return (
      <p class="account faint" title={session.text}>
        Who is logged in could not be asked
      </p>
    );
  }
  return <p class="account" />;
}

export function SessionEnded() {
  return (
    <main class="ended" id="main" tabIndex={-1}>
      <Mark />
      <h1>Your session has ended</h1>
      <p>Nothing is lost: after logging in you are back on this page.</p>
      <p><a class="button strong" href={loginLink(location)}>Log in again</a></p>
    </main>
  );
}
