# SPDX-License-Identifier: Apache-2.0
"""T23: no redirect of ours ends on another host, whatever `rd` says.

Every target of login/redirects.py is taken through a whole login, asked for
as a page, and given to the sign-out. Where a Location leads is decided by a
browser's own URL parser (node's URL: the WHATWG standard).
"""

import html
import json
import re
import subprocess
import threading
import urllib.parse

import pytest

from .. import redirects
from ..gateway import COOKIE, HTML, ORIGIN, SCRIPT
from . import wire

TARGETS = redirects.targets()
PARSER = """
const read = require('fs').readFileSync(0, 'utf8');
console.log(JSON.stringify(JSON.parse(read).map(([base, location]) => {
    try { return new URL(location, base).href; } catch { return ''; }
})));
"""


def browsed(base, locations):
    """Where a browser ends that is at `base` and sees each Location."""
    done = subprocess.run(
        ["node", "-e", PARSER], capture_output=True, text=True, check=True,
        input=json.dumps([[base, location] for location in locations]),
    )
    return json.loads(done.stdout)


def test_t23_the_parser_reads_as_a_browser_does():
    assert browsed(ORIGIN + "/oauth2/callback", [
        "/a/../b", "//evil.example", "/\\evil.example", "/\t/evil.example",
        "https:evil.example", "\u3000//evil.example",
    ]) == [
        ORIGIN + "/b", "https://evil.example/", "https://evil.example/",
        "https://evil.example/", ORIGIN + "/oauth2/evil.example",
        ORIGIN + "/oauth2/%E3%80%80//evil.example",
    ]
    assert len(TARGETS) >= 300


def test_t23_the_file_for_the_unit_test_is_fresh():
    assert redirects.FILE.read_text() == (
        "# SPDX-License-Identifier: Apache-2.0\n" + redirects.text()
    )


def check(places):
    """places: target -> Location. All of them are ours, and calm."""
    landed = browsed(ORIGIN + "/oauth2/callback", places.values())
    for (target, location), url in zip(places.items(), landed):
        parts = urllib.parse.urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == ORIGIN, (target, location)
        assert not parts.path.startswith("//"), (target, location)
        assert not parts.path.startswith("/oauth2"), (target, location)
        assert location.isascii() and location.isprintable()
        assert "\\" not in location and " " not in location
    # and a proxy that decodes the Location once more finds nothing either
    again = [urllib.parse.unquote(location) for location in places.values()]
    for target, url in zip(places, browsed(ORIGIN + "/x", again)):
        assert url.startswith(ORIGIN + "/"), target


def through_login(site, target):
    browser = site.browser()
    reply = browser.get(
        "/oauth2/start?rd=" + urllib.parse.quote(target, safe="")
    )
    if reply.status in (400, 414):
        return None
    assert reply.status == 302
    location = reply.get("location")
    assert location.startswith(site.provider.issuer + "/authorize?")
    query = dict(
        urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query)
    )
    # the provider's side by hand, to save a request
    answer = {"code": site.provider.new_code(query), "state": query["state"],
              "iss": site.provider.issuer}
    reply = browser.get(
        "/oauth2/callback?" + urllib.parse.urlencode(answer)
    )
    assert reply.status == 302 and COOKIE in browser.cookies
    return reply.get("location")


def test_t23_open_redirect_through_a_whole_login(refused):
    """One thread would spend most of its time in waiting."""
    places, failures = {}, []
    rest = iter(TARGETS)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                target = next(rest, None)
            if target is None:
                return
            try:
                place = through_login(refused, target)
            except AssertionError as failure:
                failures.append((target, failure))
                return
            if place is not None:
                places[target] = place

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(places) > 300
    check(places)


def asked_for(site, target):
    """The Location of a page of that path; None when there is none."""
    raw = target.encode("utf-8")
    if not raw.startswith(b"/") or raw.startswith(b"/oauth2"):
        return None
    if len(raw) > 2000 or set(raw) & set(b"\0\r\n "):
        return None
    answer = wire.exchange(
        site.gateway.port,
        b"GET " + raw + b" HTTP/1.1\r\nHost: dash.example.test\r\n"
        b"Accept: text/html\r\nConnection: close\r\n\r\n",
    )
    locations = wire.header_of(answer, "location")
    if locations == ["/dashboard"]:  # azimuth_root_redirect, for "/"
        return None
    assert wire.status_of(answer) == 302 or locations == [], target
    assert wire.status_of(answer) in (302, 400, 403, 404, 405)
    return locations[0] if locations else None


def test_t23_open_redirect_by_the_path_that_was_asked_for(refused):
    """A page without a session becomes rd; its path may look like a host."""
    starts = [asked_for(refused, target) for target in TARGETS]
    starts = [start for start in starts if start is not None]
    assert len(starts) > 100
    places = {}
    for url in browsed(ORIGIN + "/x", starts):
        parts = urllib.parse.urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" == refused.provider.issuer:
            continue  # a path that is /oauth2/start once decoded
        assert f"{parts.scheme}://{parts.netloc}" == ORIGIN
        assert parts.path == "/oauth2/start"
        rd = urllib.parse.parse_qs(parts.query).get("rd", [""])[0]
        place = through_login(refused, rd)
        if place is not None:
            places[rd] = place
    assert len(places) > 100
    check(places)


def left_for(reply):
    """Where a sign-out sends the browser: by redirect, or after a form by a
    page of ours."""
    if reply.status == 302:
        return reply.get("location")
    assert reply.status == 200
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"',
                      reply.text())
    return html.unescape(found[1])


@pytest.mark.parametrize("name", ["rd", "post_logout_redirect_uri",
                                  "redirect", "next", "target_link_uri"])
def test_t23_open_redirect_after_the_sign_out(refused, name):
    """Where it ends is configured; no parameter has a say."""
    own = {**HTML, "Sec-Fetch-Site": "same-origin"}
    browser = refused.browser()
    end = refused.provider.issuer + "/logout?"
    for number, target in enumerate(TARGETS):
        if number % 5 and name != "rd":
            continue
        pair = name + "=" + urllib.parse.quote(target, safe="")
        replies = [
            browser.get("/oauth2/sign_out?" + pair, own),
            browser.send("POST", "/oauth2/sign_out", own, pair.encode()),
        ]
        for reply in replies:
            location = left_for(reply)
            assert location.startswith(end), target[:80]
            query = urllib.parse.parse_qs(
                urllib.parse.urlsplit(location).query
            )
            assert query["post_logout_redirect_uri"] == [ORIGIN + "/"]


def test_t23_open_redirect_told_to_a_script(refused):
    browser = refused.browser()
    places = []
    for target in TARGETS[::7]:
        pair = "rd=" + urllib.parse.quote(target, safe="")
        reply = browser.get("/oauth2/sign_out?" + pair, SCRIPT)
        url = urllib.parse.urlsplit(reply.json()["logout_url"])
        assert f"{url.scheme}://{url.netloc}" == refused.provider.issuer
        reply = browser.get("/collections?" + pair, SCRIPT)
        assert reply.status == 401
        places.append(reply.json()["login_url"])
    for url in browsed(ORIGIN + "/x", places):
        assert url.startswith(ORIGIN + "/oauth2/start")
