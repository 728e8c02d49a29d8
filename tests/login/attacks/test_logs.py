# SPDX-License-Identifier: Apache-2.0
"""T52: no token, code, verifier, cookie, key or secret in any log."""

import pathlib
import re
import secrets
import subprocess
import urllib.parse

import pytest

from ..gateway import COOKIE, HTML, NGINX, SCRIPT, Browser, wait_until
from ..provider import CLIENT_SECRET, DISCOVERY, refuse

# At `debug` nginx itself writes down what a client sent and what goes back:
# these lines are its own, and hold nothing that the client does not know.
OWN_WORDS = re.compile(
    r"http (header|request line|args|uri|exten|process request|script|"
    r"proxy|fastcgi|cookie|alloc|copy|upstream|set|finalize|file)|"
    r"^(HTTP/|Server:|Date:|Content-|Connection:|Location:|Set-Cookie:|"
    r"Cache-Control:|Vary:|X-|Access-Control-|Referrer-|Strict-|Retry-)",
)


class Witness:
    """Everything secret that a walk through the login came across."""

    def __init__(self, gateway, provider):
        self.gateway, self.provider = gateway, provider
        self.carried = set()  # between browser and gateway: cookies, codes
        self.kept = {CLIENT_SECRET}  # never given to a browser
        plain, sign = provider.token, provider.sign_well

        def token(handler):
            self.kept.add(handler.form.get("code_verifier", ""))
            plain(handler)

        def signed(claims):
            text = sign(claims)
            # its signature; the whole is an id_token_hint in a sign-out
            self.carried.add(text.split(".")[2])
            return text

        provider.script["/token"] = token
        provider.sign = signed
        self.kept |= {"access-", "refresh-"}
        for name in ("session.key", "valkey.password"):
            path = gateway.directory / name
            if path.exists():
                self.kept |= set(path.read_text().split())

    def saw(self, browser, target=None):
        self.carried |= set(browser.cookies.values())
        if target is not None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
            for name in ("code", "state"):
                self.carried |= set(query.get(name, []))


def walk(witness):
    """Logins, refusals and failures of each kind."""
    gateway, provider = witness.gateway, witness.provider
    browser = Browser(gateway)
    target = browser.authorize(browser.to_provider("/dashboard?api-key=x"))
    witness.saw(browser, target)
    assert browser.get(target).status == 302
    witness.saw(browser)
    for _ in range(2):
        assert browser.get("/dashboard").status == 200
    browser.get("/oauth2/userinfo", SCRIPT)
    browser.get("/oauth2/auth")
    browser.get(target)  # again
    good = browser.cookies[COOKIE]
    for bad in (good[:-1] + "x", good + "xx", good[:40]):
        witness.carried.add(bad)
        browser.get("/dashboard", {**HTML, "Cookie": f"{COOKIE}={bad}"})
    # callbacks that fail, each in another way
    for path, answer in ((None, None), ("/token", refuse(500, {})),
                         ("/token", refuse(400, {"error": "invalid_grant"})),
                         ("/token", refuse(200, b"{")),
                         (DISCOVERY, refuse(500, {}))):
        other = Browser(gateway)
        target = other.authorize(other.to_provider())
        witness.saw(other, target)
        before = dict(provider.script)
        if path is None:
            other.get(target.replace("code=", "code=x"))
            other.get(target + "&code=y")
            other.get(target.replace("/callback?", "/callback?&&"))
        else:
            provider.script[path] = answer
            other.get(target)
        provider.script.clear()
        provider.script.update(before)
    provider.claims = {"nonce": "wrong", "aud": "other"}
    other = Browser(gateway)
    target = other.authorize(other.to_provider())
    witness.saw(other, target)
    assert other.get(target).status == 502
    provider.claims = {}
    browser.cookies[COOKIE] = good
    own = {**HTML, "Sec-Fetch-Site": "same-origin"}
    assert browser.send("POST", "/oauth2/sign_out", own, b"").status == 200


def logged(gateway):
    gateway.stop()
    return gateway.log() + gateway.access_log.read_text(errors="replace")


def prepare(gateway, level):
    path = gateway.directory / "valkey.password"
    path.write_text(secrets.token_hex(16) + "\n")
    path.chmod(0o600)
    gateway.valkey.command("CONFIG", "SET", "requirepass",
                           path.read_text().strip())
    gateway.settings["valkey_options"] = f"password_file={path}"
    gateway.settings["http"] = (
        "log_format all '$request $request_uri $args $uri $azimuth_user"
        " $status $http_referer';"
    )
    gateway.settings["dashboard"] = f"access_log {gateway.access_log} all;"
    plain = gateway.configuration
    gateway.configuration = lambda: plain().replace(
        "error.log info;", f"error.log {level};"
    )
    return gateway.start()


@pytest.mark.parametrize("level", ["info", "error"])
def test_t52_logs_hold_no_secret(stopped_gateway, provider, level):
    gateway = prepare(stopped_gateway, level)
    witness = Witness(gateway, provider)
    walk(witness)
    text = logged(gateway)
    assert "azimuth" in text and "/oauth2/callback" in text
    for secret in witness.kept | witness.carried:
        assert len(secret) > 3
        assert secret not in text, secret[:12]
    assert "eyJ" not in text


def test_t52_debug_logs_hold_no_secret_of_ours(stopped_gateway, provider):
    """nginx tells about each header of a client then; we tell nothing, and
    what no browser ever sees is nowhere."""
    gateway = prepare(stopped_gateway, "debug")
    gateway.settings["workers"] = 1
    witness = Witness(gateway, provider)
    walk(witness)
    text = logged(gateway)
    if "[debug]" not in text:
        pytest.fail("this nginx was built without --with-debug")
    for secret in witness.kept:
        assert secret not in text, secret[:12]
    told = 0
    for line in text.split("\n"):
        if not any(secret in line for secret in witness.carried):
            continue
        message = re.sub(r"^.*?\[debug\] \d+#\d+: (\*\d+ )?", "", line)
        assert "azimuth:" not in message, line
        assert OWN_WORDS.search(message), line
        told += 1
    assert told > 10  # else this test looks at the wrong log


def test_t52_a_store_that_is_down_is_logged_without_its_keys(
    stopped_gateway, provider, valkey
):
    gateway = prepare(stopped_gateway, "info")
    witness = Witness(gateway, provider)
    browser = Browser(gateway)
    browser.login()
    witness.saw(browser)
    target = browser.authorize(browser.get("/oauth2/start").get("location"))
    witness.saw(browser, target)
    valkey.stop()
    wait_until(lambda: browser.get("/oauth2/userinfo").status == 503)
    browser.get(target)
    text = logged(gateway)
    assert "store_down" in text
    for secret in witness.kept | witness.carried:
        assert secret not in text, secret[:12]


@pytest.mark.parametrize("options", [["-t"], ["-T"]], ids=["t", "dump"])
def test_t52_a_test_of_the_configuration_shows_no_secret(
    stopped_gateway, options
):
    """Secrets are in files of their own: not even a dump has them."""
    path = stopped_gateway.write()
    done = subprocess.run(
        [*NGINX, *options, "-c", str(path), "-p",
         str(stopped_gateway.directory), "-e", "stderr"],
        capture_output=True, text=True, check=True,
    )
    text = done.stdout + done.stderr
    key = (stopped_gateway.directory / "session.key").read_text().strip()
    assert key not in text and CLIENT_SECRET not in text


def test_t52_secrets_are_in_no_argument_or_environment(gateway):
    key = (gateway.directory / "session.key").read_text().strip()
    for pid in [gateway.process.pid, *gateway.workers()]:
        for name in ("cmdline", "environ"):
            seen = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            assert key.encode() not in seen
            assert CLIENT_SECRET.encode() not in seen
