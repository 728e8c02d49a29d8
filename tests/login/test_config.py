# SPDX-License-Identifier: Apache-2.0
"""Every mistake in the directives is found by `nginx -t`, with its line."""

import re

import pytest
from cryptography.hazmat.primitives import serialization

from .provider import new_key


def line_of(text, needle):
    for number, line in enumerate(text.split("\n"), 1):
        if needle in line:
            return number
    raise AssertionError(needle)


def test_the_configuration_of_the_tests_is_fine(stopped_gateway):
    status, messages = stopped_gateway.test()
    assert status == 0, messages
    assert "allow_http_loopback: provider" in messages


# what is replaced, by what, and words of the complaint
MISTAKES = [
    ("azimuth_auth main;", "azimuth_auth nobody;", "nobody"),
    ("azimuth_auth main;", "azimuth_auth;", "arguments"),
    ("azimuth_auth main;", "azimuth_auth main; azimuth_auth off;",
     "duplicate"),
    ("azimuth_endpoint main;", "azimuth_endpoint other;", "other"),
    ("location /oauth2/ {", "location /elsewhere/ {", "/oauth2/"),
    ("azimuth_api_auth open;", "azimuth_api_auth keys;", "one of open, key"),
    ("azimuth_api_auth open;", "azimuth_api_auth open; azimuth_auth main;",
     "same requests"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_security_headers perhaps;", "on, with options"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_security_headers on colour=red;", "colour=red"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_security_headers on frame=maybe;", "frame is"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_security_headers on hsts=soon;", "hsts=soon"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_security_headers on; azimuth_security_headers off;",
     "duplicate"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit rate=1r/s;", "zone="),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:64k;", "rate="),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:1k rate=1r/s;", "32k"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x rate=1r/s;", "zone=NAME:SIZE"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=:64k rate=1r/s;", "no name"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:64k rate=fast;", "10r/s"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:64k rate=1r/s burst=-1;", "burst"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:64k rate=1r/s key=colour;", "key=user"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=x:64k rate=1r/s colour=red;", "colour=red"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit zone=azimuth_session:1m rate=1r/s;", "azimuth_"),
    ("azimuth_endpoint main;",
     "azimuth_endpoint main; proxy_pass http://engine;", "another handler"),
    ("azimuth_endpoint main;",
     "proxy_pass http://engine; azimuth_endpoint main;", "another handler"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_rate_limit off; azimuth_rate_limit zone=x:64k rate=1r/s;",
     "off already"),
    ("azimuth_root_redirect /dashboard;",
     "location /m { azimuth_metrics everywhere; }", "anywhere"),
    ("azimuth_root_redirect /dashboard;",
     "location /m { azimuth_health; }", "arguments"),
    ("azimuth_root_redirect /dashboard;",
     "location /m { azimuth_health maybe; }", "azimuth_health is"),
    ("azimuth_session_zone 1m ttl=5s;",
     "azimuth_audit_log off; azimuth_audit_log off;", "duplicate"),
    ("azimuth_session_zone 1m ttl=5s;",
     "azimuth_audit_log /no/such/folder/audit.log;",
     'no folder "/no/such/folder/"'),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_root_redirect //evil.example;", "path of this host"),
    ("azimuth_root_redirect /dashboard;",
     "azimuth_root_redirect https://evil.example/;", "path of this host"),
    ("azimuth_cors_origin https://dash.example.test https",
     "azimuth_cors_origin * https", "not an origin"),
    ("azimuth_cors_origin https://dash.example.test https",
     "azimuth_cors_origin null https", "not an origin"),
    ("azimuth_cors_origin https://dash.example.test https",
     "azimuth_cors_origin https://dash.example.test/ https", "not an origin"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_session_zone 1k;", "64k"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_session_zone 1m ttl=1h;",
     "ttl"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_session_zone 1m x=1;", "x=1"),
    ("azimuth_session_zone 1m ttl=5s;",
     "azimuth_session_lifetime idle=2h absolute=1h;", "idle"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_session_lifetime for=2h;",
     "for=2h"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_cookie samesite=maybe;",
     "samesite=maybe"),
    ("timeout=500ms;", "timeout=1ms;", "timeout"),
    ("timeout=500ms;", "colour=red;", "colour=red"),
    ("timeout=500ms;", "password_file=/nonexistent/file;", "No such file"),
    ("timeout=500ms;", "username=x;", "password_file"),
    ("timeout=500ms;", "sentinel_username=x;", "sentinel_password_file"),
    ("timeout=500ms;", "127.0.0.1:99999;", "port"),
    ("timeout=500ms;", "master=x;", "names servers and a master"),
    ("timeout=500ms;", "sentinel=127.0.0.1:1;", "no master="),
    ("timeout=500ms;", "tls=on;", "Unix socket"),
    ("timeout=500ms;", "tls=maybe;", "tls=maybe"),
    ("timeout=500ms;", "ca=/etc/hostname;", "no tls=on"),
    ("timeout=500ms;", " ".join(f"127.0.0.1:{i}" for i in range(1, 17)) + ";",
     "too many"),
    ("azimuth_valkey ",
     "azimuth_valkey sentinel=127.0.0.1:1; azimuth_valkey ", "no master="),
    ("azimuth_valkey ",
     "azimuth_valkey 127.0.0.1:1 tls=on ca=/nowhere.pem; azimuth_valkey ",
     "nowhere.pem"),
    ("timeout 1s;", "timeout soon;", "timeout"),
    ("timeout 1s;", "timeout 10h;", "timeout"),
    ("timeout 1s;", "timeout 1s; timeout 2s;", "duplicate"),
    ("timeout 1s;", "colour red;", "colour"),
    ("timeout 1s;", "scope email;", "openid"),
    ("timeout 1s;", "connect_to nowhere;", "connect_to"),
    ("timeout 1s;", "trusted_certificate /etc/hostname;", "certificate"),
    ("timeout 1s;", "trusted_certificate /nonexistent.pem;", "No such file"),
    ("timeout 1s;", "connect_timeout 1ms;", "timeout"),
    ("timeout 1s;", "id_token_algorithms none;", "none"),
    ("timeout 1s;", "id_token_algorithms RS256 HS256;", "HS256"),
    ("timeout 1s;", "id_token_algorithms;", "RS256"),
    ("timeout 1s;", "clock_skew 0;", "clock_skew"),
    ("timeout 1s;", "clock_skew 301s;", "clock_skew"),
    ("timeout 1s;", "require_iss perhaps;", "require_iss"),
    ("timeout 1s;", "frontchannel_logout perhaps;", "frontchannel_logout"),
    ("timeout 1s;", "frontchannel_logout on; frontchannel_logout off;",
     "duplicate"),
    ("timeout 1s;", "preserve_fragment maybe;", "preserve_fragment"),
    ("timeout 1s;", "preserve_fragment;", "preserve_fragment"),
    ("timeout 1s;", "preserve_fragment on; preserve_fragment on;",
     "duplicate"),
    ("timeout 1s;", "par always;", "par"),
    ("timeout 1s;", "client_auth client_secret_jwt;", "client_auth"),
    ("timeout 1s;", "client_assertion_audience me;", "audience"),
    ("timeout 1s;", "client_key_file /nonexistent.key;", "No such file"),
    ("timeout 1s;", "client_key_file /etc/hostname kid=a x;", "kid=NAME"),
    ("timeout 1s;", "document_refresh 0;", "document_refresh"),
    ("timeout 1s;", "document_refresh 13h;", "document_refresh"),
    ("timeout 1s;", "proxy proxy.example:3128;", "http://HOST:PORT"),
    ("timeout 1s;", "proxy http://proxy.example;", "http://HOST:PORT"),
    ("timeout 1s;", "proxy https://proxy.example:1;", "http://HOST:PORT"),
    ("timeout 1s;", "proxy http://u:p@proxy.example:1;", "http://HOST:PORT"),
    ("timeout 1s;", "proxy http://proxy.example:1/;", "http://HOST:PORT"),
    ("allow_http_loopback on;", "allow_http_loopback maybe;", "on"),
    ("/oauth2/callback;", "/oauth2/back;", "/oauth2/callback"),
    ("client_id qdrant-dashboard;", "client_id;", "client_id"),
]


@pytest.mark.parametrize(
    "good,bad,words", MISTAKES, ids=[m[1][:40] for m in MISTAKES]
)
def test_a_mistake_is_named_with_file_and_line(
    stopped_gateway, good, bad, words
):
    text = stopped_gateway.configuration()
    assert good in text
    text = text.replace(good, bad, 1)
    status, messages = stopped_gateway.test(text)
    assert status != 0
    found = [m for m in messages.split("\n") if "[emerg]" in m]
    assert len(found) == 1, messages
    assert words in found[0]
    where = re.search(r"in (\S+):(\d+)$", found[0])
    assert where and where[1].endswith("test.conf"), found[0]
    assert int(where[2]) == line_of(text, bad.split(";")[0])


# found when the block or the file is complete: the block's own line is named
MISSING = [
    ("issuer http", "#issuer http", "issuer"),
    ("client_id ", "#client_id ", "client_id"),
    ("redirect_uri ", "#redirect_uri ", "redirect_uri"),
    ("azimuth_secret_file ", "#azimuth_secret_file ", "azimuth_secret_file"),
    ("azimuth_valkey ", "#azimuth_valkey ", "azimuth_valkey"),
    ("allow_http_loopback on;", "", "with allow_http_loopback"),
    ("issuer http://127.0.0.1", "issuer http://idp.example", "https"),
    ("redirect_uri https://dash.example.test/",
     "redirect_uri http://dash.example.test/",
     "redirect_uri is not https://HOST[:PORT]/oauth2/callback"),
    ("timeout 1s;", "post_logout_redirect_uri ftp://dash.example.test/;",
     "post_logout_redirect_uri is no https"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_cookie domain=.other.test;",
     "domain= does not contain the host of redirect_uri"),
    ("azimuth_session_zone 1m ttl=5s;", "azimuth_cookie samesite=none;",
     "samesite=none needs domain="),
    ("timeout 1s;", "connect_timeout 6s;", "longer"),
    ("timeout 1s;", "proxy http://[::1]:1; connect_to 127.0.0.1:1;", "proxy"),
    ("timeout 1s;", "client_auth none;", "public client"),
    ("timeout 1s;", "client_auth private_key_jwt;", "needs a key"),
    ("timeout 1s;", "client_assertion_audience issuer;", "client_key_file"),
    ("client_secret_file ", "client_auth client_secret_post; #", "a secret"),
]


@pytest.mark.parametrize("good,bad,words", MISSING, ids=[m[0] for m in MISSING])
def test_what_is_missing_is_named(stopped_gateway, good, bad, words):
    text = stopped_gateway.configuration()
    assert good in text
    status, messages = stopped_gateway.test(text.replace(good, bad, 1))
    assert status != 0
    found = [m for m in messages.split("\n") if "[emerg]" in m]
    assert len(found) == 1, messages
    assert words in found[0]
    assert re.search(r"in \S+test.conf:\d+$", found[0]), found[0]


@pytest.mark.parametrize(
    "text,mode,words",
    [
        ("0" * 64 + "\n", 0o644, "chmod 600"),
        ("0" * 64 + "\n", 0o640, "chmod 600"),
        ("short\n", 0o600, "64 hexadecimal digits (openssl rand -hex 32)"),
        ("g" * 64 + "\n", 0o600, "64 hexadecimal digits"),
        ("", 0o600, ""),
        ("".join(f"{i:064x}\n" for i in range(9)), 0o600, "too many"),
        ("0" * 10000, 0o600, "too large"),
    ],
)
def test_a_bad_key_file_is_refused(stopped_gateway, text, mode, words):
    path = stopped_gateway.directory / "session.key"
    path.write_text(text)
    path.chmod(mode)
    status, messages = stopped_gateway.test()
    assert status != 0
    assert words in messages
    assert re.search(r"test.conf:\d+", messages)
    if len(text) > 8:
        assert text[:64].strip() not in messages


def test_a_directory_is_no_key_file(stopped_gateway):
    path = stopped_gateway.directory / "session.key"
    path.unlink()
    path.mkdir()
    status, messages = stopped_gateway.test()
    assert status != 0
    assert "no regular file" in messages


def test_a_login_that_nobody_answers_warns(stopped_gateway):
    """Without an endpoint the browser would be sent in a circle."""
    text = stopped_gateway.configuration()
    assert "without a \"location" not in stopped_gateway.test(text)[1]
    text = re.sub(r"azimuth_endpoint main;", "", text)
    status, messages = stopped_gateway.test(text)
    assert status == 0, messages
    warned = re.search(r"azimuth_auth \"main\" without.* in \S+:(\d+)$",
                       messages, re.M)
    assert warned, messages
    assert int(warned[1]) == line_of(text, "azimuth_auth main;")


def test_relaxations_warn(stopped_gateway):
    stopped_gateway.settings["http"] = (
        "azimuth_cookie domain=.example.test samesite=none;"
    )
    status, messages = stopped_gateway.test()
    assert status == 0, messages
    assert "azimuth_cookie: every host below" in messages
    assert "samesite=none" in messages


@pytest.mark.parametrize(
    "alg,mode,words",
    [
        ("ES256", 0o600, None),
        ("RS256", 0o600, None),
        ("ES256", 0o640, "chmod 600"),
        ("ES384", 0o600, "neither RSA"),
        ("EdDSA", 0o600, "neither RSA"),
        (None, 0o600, "no private key"),
    ],
)
def test_the_key_of_the_client_is_read_now(stopped_gateway, alg, mode, words):
    path = stopped_gateway.directory / "client.key"
    path.write_bytes(
        b"nothing" if alg is None else new_key(alg).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(mode)
    stopped_gateway.settings["client"] = f"client_key_file {path};"
    status, messages = stopped_gateway.test()
    assert (status == 0) == (words is None), messages
    if words is not None:
        assert words in messages
        assert re.search(r"in \S+test.conf:\d+$", messages, re.M)
    stopped_gateway.settings["client"] += (
        "client_secret_file {d}/client.secret;"
    )
    assert stopped_gateway.test()[0] != 0


def test_relaxations_of_a_provider_warn(stopped_gateway):
    path = stopped_gateway.directory / "client.key"
    path.write_bytes(
        new_key("ES256").private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    stopped_gateway.settings["client"] = f"client_key_file {path};"
    stopped_gateway.settings["provider"] = (
        "clock_skew 61s; client_assertion_audience endpoint;"
    )
    status, messages = stopped_gateway.test()
    assert status == 0, messages
    assert "clock_skew: tokens of provider" in messages
    assert "client_assertion_audience: what proves" in messages


def test_a_second_provider_of_one_name_is_refused(stopped_gateway):
    text = stopped_gateway.configuration()
    block = text[text.index("azimuth_provider main {"):]
    block = block[: block.index("}") + 1]
    status, messages = stopped_gateway.test(text.replace(block, block * 2))
    assert status != 0
    assert "duplicate azimuth_provider" in messages


@pytest.mark.parametrize("number", [1, 2], ids=["smallest", "complete"])
def test_the_samples_of_the_readme_are_valid(stopped_gateway, number):
    """The samples, with the paths of this test."""
    import subprocess

    from .gateway import MODULE, ROOT

    d = stopped_gateway.directory
    readme = (ROOT / "gateway" / "README.md").read_text()
    text = readme.split("```nginx\nload_module", 2)[number].split("```", 1)[0]
    text = "load_module" + text.replace("listen 443", "listen 127.0.0.1:8443")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
         str(d / "server.key"), "-out", str(d / "server.pem"), "-subj",
         "/CN=azimuth", "-days", "2"],
        check=True, capture_output=True,
    )
    (d / "ca.pem").write_text((d / "server.pem").read_text())
    text = text.replace(
        "/usr/local/lib/azimuth/ngx_http_azimuth_module.so", str(MODULE)
    )
    for folder in ("/etc/azimuth", "/run/azimuth", "/var/log/azimuth"):
        text = text.replace(folder, str(d))
    status, messages = stopped_gateway.test(text)
    assert status == 0, messages
