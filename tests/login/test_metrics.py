# SPDX-License-Identifier: Apache-2.0
"""/metrics, /healthz and /readyz on a private listener."""

import http.client
import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .gateway import (
    ORIGIN, SCRIPT, HTML, Browser, Reply, free_port, wait_until,
)
from .provider import DISCOVERY, hang, refuse


@pytest.fixture
def private(stopped_gateway):
    """A gateway with a private listener; `metrics` is its port."""
    gateway = stopped_gateway
    gateway.metrics = free_port()
    gateway.settings["servers"] = f"""
        server {{
            listen 127.0.0.1:{gateway.metrics};
            server_name localhost;
            access_log off;
            location = /metrics {{ azimuth_metrics; }}
            location = /healthz {{ azimuth_health live; }}
            location = /readyz {{ azimuth_health ready; }}
        }}
    """
    return gateway


def ask(gateway, path, method="GET"):
    connection = http.client.HTTPConnection(
        "127.0.0.1", gateway.metrics, timeout=5
    )
    connection.request(method, path, headers={"Host": "localhost"})
    reply = Reply(connection.getresponse())
    connection.close()
    return reply


def metrics(gateway):
    """{(name, labels...): value}; strict about the format."""
    reply = ask(gateway, "/metrics")
    assert reply.status == 200
    assert reply.get("content-type").startswith("text/plain; version=0.0.4")
    text = reply.text()
    assert text.endswith("\n") and "\n\n" not in text
    values = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("counter", "histogram")
        assert re.fullmatch(r"azimuth_[a-z_]+", family.name)
        assert family.samples, family.name
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.values()))
            assert key not in values, f"{key} is there twice"
            values[key] = sample.value
    names = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(names) == len(set(names))
    assert names == re.findall(r"^# HELP (\S+)", text, re.M)
    return values


def test_the_metrics_count_what_happens(private, provider):
    gateway = private.start()
    before = metrics(gateway)
    assert all(v == 0 for v in before.values())
    browser = Browser(gateway)
    browser.get("/dashboard", SCRIPT)
    browser.login()
    for _ in range(3):
        browser.get("/dashboard")
    browser.send("POST", "/oauth2/sign_out", {
        **HTML, "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, b"")
    browser.cookies = {}
    provider.claims = {"nonce": "wrong"}
    browser.get(browser.authorize(browser.to_provider()))
    seen = metrics(gateway)
    assert seen["azimuth_requests_total", "denied"] == 1
    assert seen["azimuth_requests_total", "allowed"] == 3
    assert seen["azimuth_requests_total", "logged_in"] == 1
    assert seen["azimuth_requests_total", "signed_out"] == 1
    assert seen["azimuth_requests_total", "sent_to_login"] == 2
    assert seen["azimuth_logins_total", "started"] == 2
    assert seen["azimuth_logins_total", "succeeded"] == 1
    assert seen["azimuth_logins_total", "failed"] == 1
    assert seen["azimuth_failures_total", "no_session"] == 1
    assert seen["azimuth_failures_total", "bad_token"] == 1
    assert seen["azimuth_session_cache_total", "hit"] == 2
    assert seen["azimuth_session_cache_total", "miss"] >= 1
    assert seen["azimuth_revocations_total", "here"] == 1
    assert seen["azimuth_store_seconds_count",] >= 4
    assert seen["azimuth_provider_seconds_count", "token"] == 2
    assert seen["azimuth_provider_seconds_count", "discovery"] >= 1
    assert seen["azimuth_provider_seconds_sum", "token"] > 0


def test_a_histogram_adds_up(private):
    gateway = private.start()
    browser = Browser(gateway)
    browser.login()
    seen = metrics(gateway)
    for name, labels in (("azimuth_store_seconds", ()),
                         ("azimuth_provider_seconds", ("token",))):
        buckets = [(float(le[0]), value) for (sample, *le), value in
                   ((k, v) for k, v in seen.items()
                    if k[0] == name + "_bucket" and
                    all(label in k for label in labels))
                   if not labels or True
                   for le in [[x for x in le if x not in labels]]]
        assert len(buckets) == 17
        assert [v for _, v in sorted(buckets)] == sorted(v for _, v in buckets)
        assert max(buckets)[0] == float("inf")
        assert max(buckets)[1] == seen[(name + "_count", *labels)]


def test_failures_of_peers_are_counted(private, provider, valkey):
    private.settings["zone"] = "azimuth_session_zone off;"
    gateway = private.start()
    browser = Browser(gateway)
    browser.login()
    provider.script["/token"] = hang
    other = Browser(gateway)
    assert other.get(other.authorize(other.to_provider())).status == 503
    valkey.stop()
    assert browser.get("/dashboard").status == 503
    seen = metrics(gateway)
    assert seen["azimuth_provider_failures_total", "token"] == 1
    assert seen["azimuth_provider_seconds_bucket", "0.5", "token"] == 1
    assert seen["azimuth_provider_seconds_count", "token"] == 2
    assert seen["azimuth_requests_total", "provider_down"] == 1
    assert seen["azimuth_requests_total", "store_down"] == 1
    assert seen["azimuth_failures_total", "store_down"] == 1


def test_refreshes_are_counted(private, provider):
    provider.access_life = 1
    gateway = private.start()
    browser = Browser(gateway)
    browser.login()
    over = time.time() + 1
    provider.access_life = 300
    wait_until(lambda: time.time() >= over)
    assert browser.get("/dashboard").status == 200
    wait_until(lambda: metrics(gateway)[
        "azimuth_refreshes_total", "succeeded"] == 1)
    seen = metrics(gateway)
    assert seen["azimuth_provider_seconds_count", "token"] == 2
    assert seen["azimuth_refreshes_total", "failed"] == 0
    assert not [name for name in seen if "refreshed" in name]


def test_the_numbers_are_of_all_workers_and_survive_a_reload(private):
    private.settings["workers"] = 4
    gateway = private.start()
    browser = Browser(gateway)
    for _ in range(40):
        browser.get("/dashboard", SCRIPT)
    gateway.reload()
    for _ in range(10):
        browser.get("/dashboard", SCRIPT)
    assert metrics(gateway)["azimuth_requests_total", "denied"] == 50


def test_the_metrics_hold_no_secret(private):
    gateway = private.start()
    browser = Browser(gateway)
    browser.login()
    text = ask(gateway, "/metrics").text()
    for word in ("ada", "user-0001", "127.0.0.1", *browser.cookies.values()):
        assert word not in text


def test_metrics_are_for_a_private_listener(stopped_gateway, directory):
    """On another address they are refused; relaxing it warns."""
    gateway = stopped_gateway
    gateway.settings["dashboard"] = (
        "location = /metrics { azimuth_auth off; azimuth_metrics anywhere; }"
    )
    status, messages = gateway.test()
    assert status == 0
    assert "azimuth_metrics anywhere: everybody" in messages
    gateway.settings["dashboard"] = ""
    port = free_port()
    gateway.settings["servers"] = f"""
        server {{
            listen 0.0.0.0:{port};
            location = /metrics {{ azimuth_metrics; }}
            location = /any {{ azimuth_metrics anywhere; }}
        }}
    """
    gateway.start()
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    for host, path, expected in (("127.0.0.1", "/metrics", 200),
                                 (address, "/metrics", 403),
                                 (address, "/any", 200)):
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", path)
        assert connection.getresponse().status == expected
        connection.close()


def own_address():
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = s.getsockname()[0]
    return None if address.startswith("127.") else address


# ---- health -------------------------------------------------------------------


def ready(gateway):
    reply = ask(gateway, "/readyz")
    assert reply.status in (200, 503)
    assert reply.get("cache-control") == "no-store"
    body = reply.json()
    assert body["ready"] == (reply.status == 200)
    return body


def test_live_answers_whatever_is_down(private, provider, valkey):
    provider.stop()
    valkey.stop()
    gateway = private.start()
    for method in ("GET", "HEAD"):
        reply = ask(gateway, "/healthz", method)
        assert reply.status == 200
    assert ask(gateway, "/healthz").json() == {"live": True}
    assert ask(gateway, "/healthz", "POST").status == 405
    assert ask(gateway, "/readyz", "POST").status == 405


def test_ready_needs_no_login_to_find_out(private):
    gateway = private.start()
    first = ready(gateway)
    assert not first["ready"]
    assert first["valkey"] == {
        "ready": False, "cause": "it was not asked yet"}
    wait_until(lambda: ready(gateway)["ready"])
    body = ready(gateway)
    assert body["valkey"]["ready"] and body["valkey"]["answered_s_ago"] <= 5
    [main] = body["providers"]
    assert main["name"] == "main" and main["ready"]
    assert main["metadata_age_s"] <= 5 and main["keys_age_s"] <= 5


def test_ready_follows_valkey(private, valkey):
    gateway = private.start()
    wait_until(lambda: ready(gateway)["ready"])
    valkey.stop()
    wait_until(lambda: not ready(gateway)["ready"])
    body = ready(gateway)
    assert not body["valkey"]["ready"]
    assert "Valkey" in body["valkey"]["cause"]
    assert str(valkey.socket) not in str(body)
    assert body["providers"][0]["ready"]
    valkey.start()
    wait_until(lambda: ready(gateway)["ready"])


def test_ready_never_waits_for_a_peer(private, provider, valkey):
    """The provider hangs and Valkey is frozen: both are said at once."""
    import signal

    provider.script[DISCOVERY] = hang
    gateway = private.start()
    valkey.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: "cause" in ready(gateway)["valkey"] and
               "no answer" in ready(gateway)["valkey"]["cause"])
    wait_until(lambda: "127.0.0.1" in
               ready(gateway)["providers"][0].get("cause", ""))
    assert ask(gateway, "/healthz").status == 200


def test_ready_with_an_untrustworthy_provider(private, provider):
    provider.script[DISCOVERY] = refuse(200, {"issuer": "https://evil.test"})
    gateway = private.start()
    wait_until(lambda: "issuer" in
               ready(gateway)["providers"][0].get("cause", ""))
    assert not ready(gateway)["ready"]
    provider.script.clear()
    wait_until(lambda: ready(gateway)["ready"], 20)


def test_probing_costs_the_provider_little(private, provider):
    gateway = private.start()
    wait_until(lambda: ready(gateway)["ready"])
    calls = len(provider.calls)
    for _ in range(50):
        assert ready(gateway)["ready"]
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        ready(gateway)
    # Each worker may fetch its own copy once.
    assert len(provider.calls) <= calls + 2 * gateway.settings["workers"]
