# SPDX-License-Identifier: Apache-2.0
"""Edge duties: headers for browsers, limits, upgrades, request ids, logs."""

import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest

from .attacks import wire
from .authority import Authority
from .gateway import (
    API, COOKIE, DASHBOARD, HTML, ORIGIN, SCRIPT, Browser, free_port,
    wait_until,
)

SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}


def start(gateway, **settings):
    for name, text in settings.items():
        gateway.settings[name] = text
    return gateway.start()


# ---- security headers -------------------------------------------------------


def test_security_headers_stand_on_every_status(stopped_gateway, upstream):
    browser = Browser(start(
        stopped_gateway,
        dashboard="""
            azimuth_security_headers on;
            client_max_body_size 1k;
            location /dead { proxy_pass http://127.0.0.1:1; }
            location /file { root /nonexistent; }
        """,
    ))

    def seen(status, reply):
        assert reply.status == status
        for name, value in SECURITY.items():
            assert len(reply.all(name)) == 1, (status, name)
        assert reply.get("x-content-type-options") == "nosniff"
        assert "frame-ancestors" in reply.get("content-security-policy")
        # Not over TLS: browsers ignore it, and RFC 6797 forbids it.
        assert reply.get("strict-transport-security") is None

    seen(301, browser.get("/"))
    seen(302, browser.get("/dashboard"))
    seen(401, browser.get("/dashboard", SCRIPT))
    seen(404, browser.get("/oauth2/nothing"))
    seen(413, browser.send("POST", "/x", SCRIPT, b"x" * 2000))
    seen(400, browser.get("/x", {"Bad Header": "x", "Host": "a b"}))
    browser.login()
    for status in (200, 403, 404, 500):
        upstream.status = status
        reply = browser.get("/dashboard")
        seen(status, reply)
        for name, value in SECURITY.items():
            assert reply.get(name) == value
    seen(502, browser.get("/dead"))
    seen(404, browser.get("/file"))


def test_the_upstreams_own_decisions_stay(stopped_gateway, upstream):
    browser = Browser(start(
        stopped_gateway, dashboard="azimuth_security_headers on;"
    ))
    browser.login()
    upstream.extra = [
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "frame-ancestors https://portal.test"),
    ]
    reply = browser.get("/dashboard")
    assert reply.all("referrer-policy") == ["no-referrer"]
    assert reply.all("content-security-policy") == [
        "frame-ancestors https://portal.test"
    ]
    assert reply.all("x-frame-options") == []
    assert reply.all("x-content-type-options") == ["nosniff"]
    upstream.extra = [("Content-Security-Policy", "default-src 'self'")]
    assert browser.get("/dashboard").all("x-frame-options") == ["DENY"]


def test_security_headers_can_be_chosen(stopped_gateway):
    browser = Browser(start(
        stopped_gateway,
        dashboard="""
            azimuth_security_headers on frame=sameorigin csp=off;
            location /plain { azimuth_security_headers off;
                              proxy_pass http://engine; }
        """,
    ))
    browser.login()
    reply = browser.get("/dashboard")
    assert reply.get("x-frame-options") == "SAMEORIGIN"
    assert reply.get("content-security-policy") is None
    reply = browser.get("/plain")
    assert reply.get("x-frame-options") is None


def test_hsts_is_said_over_tls(stopped_gateway, directory):
    authority = Authority(directory)
    certificate, key = authority.server(DASHBOARD)
    port = free_port()
    start(stopped_gateway, servers=f"""
        server {{
            listen 127.0.0.1:{port} ssl;
            server_name {DASHBOARD};
            ssl_certificate {certificate};
            ssl_certificate_key {key};
            azimuth_security_headers on hsts=180d;
            azimuth_root_redirect /dashboard;
        }}
    """)
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname=DASHBOARD) as s:
            s.sendall(
                f"GET / HTTP/1.1\r\nHost: {DASHBOARD}\r\n\r\n".encode()
            )
            answer = s.recv(1 << 16).decode()
    assert "\r\nStrict-Transport-Security: max-age=15552000\r\n" in answer


# ---- limits -----------------------------------------------------------------

ADDRESS = "azimuth_rate_limit zone=a:64k rate=1r/m burst=%d key=address;"
USER = "azimuth_rate_limit zone=u:64k rate=1r/m burst=%d key=user;"


def limited(reply):
    assert reply.status == 429
    assert 1 <= int(reply.get("retry-after")) <= 60
    assert reply.get("cache-control") == "no-store"
    return reply


def test_an_address_is_limited_before_the_login(stopped_gateway, provider):
    browser = Browser(start(
        stopped_gateway,
        dashboard=f"""
            location = /oauth2/start {{ {ADDRESS % 2}
                                        azimuth_endpoint main; }}
        """,
    ))
    for _ in range(3):
        assert browser.get("/oauth2/start").status == 302
    reply = limited(browser.get("/oauth2/start"))
    assert reply.get("content-type").startswith("text/html")
    assert "Too many requests" in reply.text()
    reply = limited(browser.get(
        "/oauth2/start", {**SCRIPT, "Origin": ORIGIN}
    ))
    assert reply.get("content-type") == "application/json"
    assert reply.json()["error"] == "rate_limited"
    assert reply.all("access-control-allow-origin") == [ORIGIN]
    assert "Origin" in reply.get("vary")
    # Nothing else is affected.
    assert browser.get("/dashboard").status == 302


def test_a_user_is_limited_over_all_sessions(stopped_gateway, provider):
    audit = stopped_gateway.directory / "audit.log"
    gateway = start(stopped_gateway, dashboard=USER % 3,
                    http=f"azimuth_audit_log {audit};")
    first, second = Browser(gateway), Browser(gateway)
    first.login()
    second.login()
    seen = [b.get("/x", SCRIPT).status for b in (first, second) * 3]
    assert seen == [200] * 4 + [429] * 2
    limited(first.get("/x"))
    last = audited(audit)[-1]
    assert last["event"] == "denial" and last["outcome"] == "rate_limited"
    assert last["sub"] == "user-0001" and last["path"] == "/x"
    # Another user has an allowance of their own; nobody is logged out.
    provider.user = {**provider.user, "sub": "user-0002"}
    other = Browser(gateway)
    other.login()
    assert other.get("/x", SCRIPT).status == 200
    assert first.get("/oauth2/userinfo", SCRIPT).status == 200


def test_a_limit_survives_a_reload_and_can_be_switched_off(stopped_gateway):
    gateway = start(
        stopped_gateway,
        http=ADDRESS % 0,
        dashboard="location /free { azimuth_rate_limit off; "
                  "proxy_pass http://engine; }",
    )
    client = Browser(gateway, API)
    assert client.get("/x", {}).status == 200
    limited(client.get("/x", {}))
    gateway.reload()
    limited(client.get("/x", {}))
    browser = Browser(gateway)
    assert browser.get("/free").status == 302


def test_a_small_zone_is_bounded(stopped_gateway, provider):
    """More users than the zone holds: the oldest are forgotten."""
    gateway = start(
        stopped_gateway, zone="azimuth_session_zone off;",
        dashboard="azimuth_rate_limit zone=u:32k rate=1r/m burst=0 key=user;",
    )
    for number in range(30):
        provider.user = {**provider.user, "sub": f"user-{number}"}
        browser = Browser(gateway)
        browser.login()
        assert browser.get("/x", SCRIPT).status == 200
        assert browser.get("/x", SCRIPT).status == 429


def test_a_rate_above_the_clock_s_ticks_is_not_cut_to_them(stopped_gateway):
    """Fifty at once are less than a millisecond of 100,000 in a second."""
    gateway = start(
        stopped_gateway, workers=1,
        api="azimuth_rate_limit zone=quick:64k rate=100000r/s;",
    )
    ask = wire.lines("GET /collections HTTP/1.1", f"Host: {API}")
    last = wire.lines("GET /collections HTTP/1.1", f"Host: {API}",
                      "Connection: close")
    answer = wire.exchange(gateway.port, ask * 49 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 50
    assert b"HTTP/1.1 429 " not in answer


def test_nginx_own_limit_works_before_the_login_too(stopped_gateway):
    browser = Browser(start(
        stopped_gateway,
        http="limit_req_zone $binary_remote_addr zone=l:1m rate=1r/m; "
             "limit_req_status 429;",
        dashboard="location = /oauth2/callback { limit_req zone=l; "
                  "azimuth_endpoint main; }",
    ))
    assert browser.get("/oauth2/callback?code=a&state=b").status == 400
    assert browser.get("/oauth2/callback?code=a&state=b").status == 429


# ---- WebSocket, gRPC ----------------------------------------------------------


class Echo:
    """A WebSocket upstream that sends back what it gets, byte for byte."""

    def __init__(self):
        import threading

        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        self.delay = 0  # before the upgrade is granted
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += s.recv(65536)
                self.requests.append(head.decode())
                time.sleep(self.delay)
                key = [line.split(": ")[1] for line in head.decode().split("\r\n")
                       if line.lower().startswith("sec-websocket-key")][0]
                accept = base64.b64encode(hashlib.sha1(
                    (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
                ).digest()).decode()
                s.sendall(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
                    "\r\n".encode()
                )
                while data := s.recv(65536):
                    s.sendall(data)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@pytest.fixture
def echo():
    e = Echo()
    yield e
    e.stop()


def websocket(gateway, cookies, origin=ORIGIN):
    """The handshake; returns (socket, status, whole head)."""
    s = socket.create_connection(("127.0.0.1", gateway.port), 10)
    lines = [
        "GET /live HTTP/1.1", f"Host: {DASHBOARD}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    if origin is not None:
        lines += [f"Origin: {o}" for o in
                  (origin if isinstance(origin, list) else [origin])]
    if cookies:
        lines.append(
            "Cookie: " + "; ".join(f"{k}={v}" for k, v in cookies.items())
        )
    s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = s.recv(65536)
        if not more:
            break
        head += more
    return s, int(head.split()[1]), head.decode()


def live(echo):
    return f"""
        location /live {{
            proxy_pass http://127.0.0.1:{echo.port};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 60s;
        }}
    """


def test_a_websocket_needs_a_session_and_a_known_origin(stopped_gateway, echo):
    audit = stopped_gateway.directory / "audit.log"
    gateway = start(stopped_gateway, dashboard=live(echo),
                    http=f"azimuth_audit_log {audit};")
    s, status, head = websocket(gateway, {})
    s.close()
    assert status == 401 and "login_url" in head
    browser = Browser(gateway)
    browser.login()
    for origin in ("https://evil.test", "null", ORIGIN + ".evil.test",
                   ORIGIN + ":444", [ORIGIN, "https://evil.test"]):
        s, status, head = websocket(gateway, browser.cookies, origin)
        s.close()
        assert status == 403, origin
        assert "Access-Control-Allow-Origin" not in head
    assert echo.requests == []
    assert audited(audit)[-1]["outcome"] == "foreign_origin"
    for origin in (ORIGIN, "https://other.example.test:8443", None):
        s, status, head = websocket(gateway, browser.cookies, origin)
        assert status == 101
        s.sendall(b"hello")
        assert s.recv(100) == b"hello"
        s.close()
    assert COOKIE not in "".join(echo.requests)
    assert "X-Auth-Request-User: user-0001" in echo.requests[0]


def test_a_websocket_ends_with_its_session(stopped_gateway, echo):
    gateway = start(
        stopped_gateway, dashboard=live(echo),
        http="azimuth_session_lifetime idle=2s absolute=2s;",
        zone="azimuth_session_zone off;",
    )
    browser = Browser(gateway)
    browser.login()
    s, status, _ = websocket(gateway, browser.cookies)
    assert status == 101
    s.sendall(b"hello")
    assert s.recv(100) == b"hello"
    assert s.recv(100) == b""  # cut off
    s.close()
    assert "the session of this connection is over" in gateway.log()


def test_no_other_protocol_is_offered_to_the_upstream(stopped_gateway):
    """h2c: one request that is judged, then a tunnel for any others."""
    location = """
        location /live {
            proxy_pass http://engine;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
    """
    gateway = start(stopped_gateway, dashboard=location, api=location)
    browser = Browser(gateway)
    browser.login()
    for upgrade, offered in (
        ("h2c", []), ("websocket, h2c", []), (["websocket", "h2c"], []),
        (["h2c", "websocket"], []), ("", []), ("WebSocket", ["WebSocket"]),
    ):
        for _ in range(2):
            reply = browser.get("/live", {
                **SCRIPT, "Upgrade": upgrade, "Origin": ORIGIN,
                "Connection": "Upgrade, HTTP2-Settings",
            })
            assert reply.status == 200, upgrade
            assert [v for k, v in reply.json()["headers"]
                    if k == "upgrade"] == offered, upgrade
    anybody = Browser(gateway, API)
    for upgrade, offered in (("H2C", []), ("tcp, h2c", []), ("tcp", ["tcp"]),
                             ("websocket", ["websocket"])):
        reply = anybody.get("/live", {"Upgrade": upgrade})
        assert [v for k, v in reply.json()["headers"]
                if k == "upgrade"] == offered, upgrade


def test_a_websocket_that_is_granted_too_late_ends(stopped_gateway, echo):
    gateway = start(
        stopped_gateway, dashboard=live(echo),
        http="azimuth_session_lifetime idle=2s absolute=2s;",
        zone="azimuth_session_zone off;",
    )
    browser = Browser(gateway)
    browser.login()
    echo.delay = 3  # the session is over by then
    s, _, _ = websocket(gateway, browser.cookies)
    s.settimeout(5)
    assert s.recv(100) == b""
    s.close()
    assert "the session of this connection is over" in gateway.log()


def grpc(gateway, cookies):
    """Without a body: curl 7.88 takes an early answer to one for none."""
    command = [
        "curl", "-s", "-o", "/dev/null", "--http2-prior-knowledge", "-w",
        "%{http_code} %{http_version}", "-H", "Content-Type: application/grpc",
        "-H", "TE: trailers", "-H", f"Host: {DASHBOARD}", "-X", "POST",
        f"http://127.0.0.1:{gateway.h2}/qdrant.Points/Search",
    ]
    for name, value in cookies.items():
        command[1:1] = ["-H", f"Cookie: {name}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return done.stdout


def test_grpc_passes_behind_a_session(stopped_gateway):
    gateway = stopped_gateway
    gateway.h2, back = free_port(), free_port()
    start(gateway, servers=f"""
        server {{
            listen 127.0.0.1:{gateway.h2} http2;
            server_name {DASHBOARD};
            azimuth_auth main;
            location / {{ grpc_pass grpc://127.0.0.1:{back}; }}
        }}
        server {{
            listen 127.0.0.1:{back} http2;
            location / {{
                add_header X-Who $http_x_auth_request_user;
                default_type application/grpc;
                return 200 "";
                access_log {gateway.directory}/grpc.log;
            }}
        }}
    """)
    assert grpc(gateway, {}) == "401 2"
    assert not (gateway.directory / "grpc.log").read_text()
    browser = Browser(gateway)
    browser.login()
    assert grpc(gateway, browser.cookies) == "200 2"


# ---- request ids, logs --------------------------------------------------------

FORMAT = (
    "log_format azimuth '$status $request_method $uri user=$azimuth_user "
    "outcome=$azimuth_outcome session=$azimuth_session id=$request_id';"
)


def test_a_request_has_one_id_everywhere(stopped_gateway, upstream):
    log = stopped_gateway.directory / "azimuth.log"
    audit = stopped_gateway.directory / "audit.log"
    browser = Browser(start(
        stopped_gateway,
        http=FORMAT + f"azimuth_audit_log {audit};",
        dashboard=f"""
            proxy_set_header X-Request-Id $request_id;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            add_header X-Request-Id $request_id always;
            access_log {log} azimuth;
        """,
    ))
    browser.login()
    reply = browser.get("/x", {**HTML, "X-Request-Id": "forged"})
    number = reply.get("x-request-id")
    assert len(number) == 32
    seen = dict(reply.json()["headers"])
    assert seen["x-request-id"] == number
    assert "forged" not in reply.text()
    browser.cookies = {}
    reply = browser.get("/oauth2/callback?code=x&state=y")
    assert reply.status == 400
    number2 = reply.get("x-request-id")
    assert number2 in reply.text()
    wait_until(lambda: number2 in log.read_text())
    assert f"id={number}\n" in log.read_text()
    assert json.loads(audit.read_text().splitlines()[-1])["request_id"] == (
        number2
    )


def test_the_access_log_knows_outcome_and_session(stopped_gateway, valkey):
    log = stopped_gateway.directory / "azimuth.log"
    browser = Browser(start(
        stopped_gateway, http=FORMAT, dashboard=f"access_log {log} azimuth;",
    ))
    browser.get("/dashboard")
    browser.login()
    browser.get("/dashboard")
    browser.get("/dashboard")
    wait_until(lambda: log.read_text().count("user=ada") >= 3)
    lines = log.read_text().splitlines()
    assert "outcome=sent_to_login session=- " in lines[0]
    warm = [line for line in lines if line.startswith("200 ")]
    assert len(warm) == 2
    key = [k for k in valkey.command("KEYS", "azimuth:session:*").split()
           if k.startswith(b"azimuth")][0].decode()
    tag = key.removeprefix("azimuth:session:")[:12]
    for line in warm:
        assert f"user=ada outcome=allowed session={tag} " in line
    assert browser.cookies[COOKIE] not in log.read_text()
    assert any("outcome=logged_in" in line and f"session={tag}" in line
               for line in lines)


def audited(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_audit_log_tells_logins_denials_and_logouts(
    stopped_gateway, provider
):
    audit = stopped_gateway.directory / "audit.log"
    browser = Browser(start(
        stopped_gateway, http=f"azimuth_audit_log {audit};",
    ))
    browser.get("/dashboard")
    assert audited(audit) == []  # sent to the login: no denial
    browser.get("/collections?api_key=SECRETQUERY", SCRIPT)
    [denial] = audited(audit)
    assert denial["event"] == "denial" and denial["outcome"] == "denied"
    assert denial["cause"] == "no_session"
    assert denial["path"] == "/collections" and denial["method"] == "GET"
    assert denial["host"] == DASHBOARD and denial["client"] == "127.0.0.1"
    assert denial["provider"] == "main" and "sub" not in denial
    assert denial["time"][10] == "T"

    browser.login()
    login = audited(audit)[-1]
    assert login["event"] == "login" and login["outcome"] == "logged_in"
    assert login["sub"] == "user-0001" and login["name"] == "ada"
    assert len(login["session"]) == 12
    cookie = browser.cookies[COOKIE]
    reply = browser.send("POST", "/oauth2/sign_out", {**HTML, "Origin": ORIGIN,
                         "Sec-Fetch-Site": "same-origin"}, b"")
    assert reply.status in (200, 302)
    logout = audited(audit)[-1]
    assert logout["event"] == "logout" and logout["outcome"] == "signed_out"
    assert logout["sub"] == "user-0001"
    assert logout["session"] == login["session"]

    browser.cookies = {COOKIE: "A" * 88}
    browser.get("/dashboard")
    assert audited(audit)[-1]["cause"] == "bad_cookie"
    browser.cookies = {}
    callback = browser.authorize(browser.to_provider())
    provider.claims = {"nonce": "wrong"}
    provider.codes = {k: {**v} for k, v in provider.codes.items()}
    assert browser.get(callback).status == 502
    failed = audited(audit)[-1]
    assert failed["event"] == "login" and failed["outcome"] == "login_failed"
    assert failed["cause"] == "bad_token" and failed["path"].endswith("callback")

    text = audit.read_text()
    for secret in ("SECRETQUERY", cookie, "code-", "access-", "refresh-",
                   "eyJ"):
        assert secret not in text


@pytest.mark.parametrize("claims,names", [
    ({}, {"sub", "provider_session"}), ({"sid": None}, {"sub"}),
    ({"sub": None}, {"provider_session"}),
], ids=["both", "sub", "sid"])
def test_the_audit_log_says_whom_the_provider_logged_out(
    stopped_gateway, provider, claims, names
):
    audit = stopped_gateway.directory / "audit.log"
    gateway = start(stopped_gateway, http=f"azimuth_audit_log {audit};")
    browser = Browser(gateway)
    browser.login()
    token = provider.logout_token(**claims)
    reply = Browser(gateway).send(
        "POST", "/oauth2/backchannel_logout",
        {"Content-Type": "application/x-www-form-urlencoded"},
        f"logout_token={token}".encode(),
    )
    assert reply.status == 200, reply.text()
    line = audited(audit)[-1]
    assert line["outcome"] == "ended_by_provider"
    assert names == {"sub", "provider_session"} & set(line)
    assert line.get("sub", "user-0001") == "user-0001"
    assert len(line.get("provider_session", "x" * 12)) == 12
    assert "provider-session" not in audit.read_text()  # the sid itself


def test_an_audit_line_is_one_short_line(stopped_gateway):
    audit = stopped_gateway.directory / "audit.log"
    client = Browser(start(
        stopped_gateway, http=f"azimuth_audit_log {audit};",
    ))
    for path in ("/" + "a" * 4000, "/" + "%01" * 1300, "/%ff%fe%22%5c%0a<>&",
                 "/" + "%C3%A9" * 600, "/%e2%82"):
        assert client.get(path, SCRIPT).status == 401, path
    lines = audit.read_bytes().split(b"\n")
    assert len(lines) == 6 and lines[-1] == b""
    for line in lines[:-1]:
        assert len(line) < 4096
        assert json.loads(line)["event"] == "denial"
    assert json.loads(lines[2])["path"] == "/\ufffd\ufffd\"\\\n<>&"


def test_the_audit_log_is_opened_anew_on_usr1(stopped_gateway):
    audit = stopped_gateway.directory / "audit.log"
    gateway = start(stopped_gateway, http=f"azimuth_audit_log {audit};")
    client = Browser(gateway)
    client.get("/x", SCRIPT)
    audit.rename(audit.with_suffix(".1"))
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(audit.exists)

    def arrives():
        client.get("/x", SCRIPT)
        return audit.read_text() != ""

    wait_until(arrives)


def test_a_full_disk_stops_nobody(stopped_gateway):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    browser = Browser(start(
        stopped_gateway, http="azimuth_audit_log /dev/full;",
    ))
    browser.login()
    assert browser.get("/dashboard").status == 200
    assert "a line of the audit log" in browser.gateway.log()


# ---- CORS: what T32 asks beyond test_access.py ----------------------------------


def test_a_preflight_with_a_hundred_headers_is_bounded(browser):
    headers = {
        "Origin": ORIGIN, "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(
            f"x-header-{n}" for n in range(200)
        ),
    }
    reply = browser.send("OPTIONS", "/collections", headers)
    assert reply.status == 204
    assert reply.get("access-control-allow-headers") is None
    headers["Access-Control-Request-Headers"] = ",".join(
        f"x-h-{n}" for n in range(100)
    )
    reply = browser.send("OPTIONS", "/collections", headers)
    assert reply.get("access-control-allow-headers").endswith("x-h-99")
    assert int(reply.get("access-control-max-age")) == 600


def test_no_answer_allows_everybody(stopped_gateway, upstream):
    browser = Browser(start(
        stopped_gateway,
        dashboard="client_max_body_size 1k;"
                  "location /dead { proxy_pass http://127.0.0.1:1; }",
    ))
    upstream.extra = [("Access-Control-Allow-Origin", "*"),
                      ("Access-Control-Allow-Credentials", "true"),
                      ("Vary", "Accept-Encoding")]
    browser.login()
    for origin in (ORIGIN, "https://evil.test", None):
        for target in ("/x", "/dead", "/oauth2/userinfo", "/oauth2/none"):
            headers = {**SCRIPT, **({"Origin": origin} if origin else {})}
            reply = browser.get(target, headers)
            assert "*" not in reply.all("access-control-allow-origin")
            assert "origin" in ", ".join(reply.all("vary")).lower()
            expected = [ORIGIN] if origin == ORIGIN else []
            assert reply.all("access-control-allow-origin") == expected
    reply = browser.send("POST", "/x", {**SCRIPT, "Origin": ORIGIN},
                         b"x" * 2000)
    assert reply.status == 413
    assert reply.all("access-control-allow-origin") == [ORIGIN]
