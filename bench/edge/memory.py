# SPDX-License-Identifier: Apache-2.0
"""Memory of sessions that are kept in shared memory, and of logins that wait
for the provider's token endpoint."""

import http.client
import itertools
import re
import select
import socket

from login.gateway import anonymous
from login.provider import hang

from .stage import COOKIE, DASHBOARD, Browser, Stage, wait_until

SESSIONS = 2000
INSIDE = 64  # callbacks that a worker lets in at once
LOGINS = 1500  # that wait behind them


def requests_of(stage, count):
    """`count` callbacks on their way, as bytes to be sent."""
    found = []
    for _ in range(count):
        browser = Browser(stage.gateway)
        target = browser.authorize(browser.to_provider())
        cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
        found.append((f"GET {target} HTTP/1.1\r\nHost: {DASHBOARD}\r\n"
                      f"Accept: text/html\r\nCookie: {cookies}\r\n\r\n"
                      ).encode())
    return found


def pending_login(first, count, called):
    """Bytes that one more login takes while the provider does not answer: the
    growth from the first `first` of them to `count`, of which `called` have
    their call at the provider; the others wait at the door."""
    with Stage(workers=1, connections=4096, provider_timeout="24s",
               http="request_pool_size 5k;") as stage:
        requests = requests_of(stage, count)
        stage.provider.script["/token"] = hang
        before = stage.provider.calls.count("/token")
        pids, sockets, seen = stage.gateway.workers(), [], []
        for part in (requests[:first], requests[first:]):
            for request in part:
                peer = socket.create_connection(
                    ("127.0.0.1", stage.gateway.port))
                peer.sendall(request)
                sockets.append(peer)
            wait_until(lambda: stage.provider.calls.count("/token") - before
                       == min(len(sockets), called), 20)
            # Asked after them, answered after them.
            assert Browser(stage.gateway).get("/oauth2/start").status == 302
            seen.append(anonymous(pids))
        poll = select.poll()
        for peer in sockets:
            poll.register(peer, select.POLLIN)
        answered = poll.poll(0)
        assert not answered, f"{len(answered)} logins did not wait"
        for peer in sockets:
            peer.close()
    return (seen[1] - seen[0]) / (count - first)


def slot_rate(stage, cookies):
    """The part of these sessions that is answered without Valkey."""
    before = int(re.search(rb"total_commands_processed:(\d+)",
                           stage.valkey.command("INFO", "stats"))[1])
    for cookie in cookies:
        connection = http.client.HTTPConnection("127.0.0.1",
                                                stage.gateway.port)
        connection.request("GET", "/dashboard", headers={
            "Host": DASHBOARD, "Accept": "text/html", "Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        connection.close()
    after = int(re.search(rb"total_commands_processed:(\d+)",
                          stage.valkey.command("INFO", "stats"))[1])
    return 1 - (after - before) / len(cookies)


def kept_sessions(size_kib):
    """How many of SESSIONS sessions a zone of that size answers for."""
    with Stage(workers=1,
               zone=f"azimuth_session_zone {size_kib}k ttl=30s;") as stage:
        stage.provider.subs = itertools.count()  # each is another user's
        cookies = []
        for _ in range(SESSIONS):
            browser = Browser(stage.gateway)
            browser.login()
            cookies.append(f"{COOKIE}={browser.cookies[COOKIE]}")
        slot_rate(stage, cookies)  # fills
        return slot_rate(stage, cookies) * SESSIONS


def show():
    called = pending_login(INSIDE // 3, INSIDE, INSIDE)
    print(f"a login that waits in its call ({INSIDE} per worker at most): "
          f"{called / 1024:.1f} KiB of nginx's memory")
    waiting = pending_login(INSIDE + 60, INSIDE + 60 + LOGINS, INSIDE)
    print(f"a login that waits at the door, of {LOGINS}: "
          f"{waiting / 1024:.1f} KiB")
    kept = kept_sessions(SESSIONS)
    print(f"a session in shared memory: {SESSIONS / max(kept, 1):.2f} KiB "
          f"({kept:.0f} of {SESSIONS} in a zone of {SESSIONS} KiB)")
