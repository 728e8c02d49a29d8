# SPDX-License-Identifier: Apache-2.0
"""Claim rules: who may do what, with a session and with a token."""

import pytest

from .gateway import HTML, SCRIPT, Browser, wait_until

ROLES = {
    "realm_access": {"roles": ["reader"]},
    "resource_access": {"loader": {"roles": ["run"]}},
    "email_verified": True,
    "tenant": "blue",
}


def start(gateway, rules, more=""):
    gateway.settings["dashboard"] = f"""
        azimuth_bearer main;
        {more}
        location /guarded {{ {rules} proxy_pass http://engine; }}
    """
    return Browser(gateway.start())


def bearer(token):
    return {**SCRIPT, "Authorization": f"Bearer {token}"}


def token_of(provider, **claims):
    return provider.access_token(**{**ROLES, **claims})


# A rule, and whether the user of the tests fulfils it.
RULES = [
    ("azimuth_require role=reader;", True),
    ("azimuth_require role=writer;", False),
    ("azimuth_require role=Reader;", False),
    ("azimuth_require role=run;", False),
    ("azimuth_require role=writer role=reader;", True),
    ("azimuth_require role=reader; azimuth_require role=writer;", False),
    ("azimuth_require role=reader; azimuth_require group=/readers;", True),
    ("azimuth_require client_role=loader:run;", True),
    ("azimuth_require client_role=other:run;", False),
    ("azimuth_require client_role=loader:reader;", False),
    ("azimuth_require group=/engineers;", True),
    ("azimuth_require group=/engineers/;", False),
    ("azimuth_require group=engineers;", False),
    ("azimuth_require email_domain=example.org;", True),
    ("azimuth_require email_domain=EXAMPLE.org;", True),
    ("azimuth_require email_domain=ample.org;", False),
    ("azimuth_require email_domain=org;", False),
    ("azimuth_require claim=tenant:blue;", True),
    ("azimuth_require claim=tenant:red;", False),
    ("azimuth_require methods=POST role=writer;", True),
    ("azimuth_require methods=GET role=writer;", False),
    ("azimuth_require except=GET role=writer;", True),
    ("azimuth_require except=POST role=writer;", False),
]


@pytest.mark.parametrize("kind", ["session", "token"])
def test_rules(stopped_gateway, provider, upstream, kind):
    provider.user.update(ROLES)
    browser = start(stopped_gateway, "", "".join(
        f"location /rule{i}/ {{ {rules} proxy_pass http://engine; }}"
        for i, (rules, _) in enumerate(RULES)
    ))
    headers = HTML
    if kind == "session":
        browser.login()
    else:
        headers = bearer(provider.access_token())
    for i, (rules, is_allowed) in enumerate(RULES):
        upstream.requests.clear()
        for _ in range(2):  # cold and warm
            reply = browser.get(f"/rule{i}/", headers)
            assert reply.status == (200 if is_allowed else 403), rules
        assert len(upstream.requests) == (2 if is_allowed else 0), rules
        assert browser.get("/free", headers).status == 200


def test_an_address_of_another_domain_does_not_pass(stopped_gateway, provider):
    browser = start(stopped_gateway, "azimuth_require email_domain=example.org;")
    good = token_of(provider, email_verified=None)
    assert browser.get("/guarded", bearer(good)).status == 200
    for claims in (
        {"email": "ada@evil.test@example.org"},
        {"email": "ada@example.org@evil.test"},
        {"email": "@example.org"},
        {"email": "example.org"},
        {"email": "ada@example.org.evil.test"},
        {"email": "ada@notexample.org"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "false"},
        {"email_verified": 0},
        {"email_verified": None, "email": "ada@example.org "},
    ):
        token = token_of(provider, **claims)
        assert browser.get("/guarded", bearer(token)).status == 403, claims


def test_odd_claims_give_no_role(stopped_gateway, provider):
    browser = start(stopped_gateway, "azimuth_require role=writer;")
    for claims in (
        {"realm_access": {"roles": "writer"}},
        {"realm_access": ["writer"]},
        {"realm_access": {"roles": [["writer"], {"writer": 1}, "x\nwriter"]}},
        {"realm_access": None,
         "resource_access": {"me": {"roles": ["writer"]}}},
        {"groups": ["writer"]},
        {"scope": "writer"},
        {"resource_access": {"x\twriter": {"roles": ["writer"]}}},
    ):
        token = token_of(provider, **claims)
        assert browser.get("/guarded", bearer(token)).status == 403, claims


def test_methods(stopped_gateway, provider):
    browser = start(
        stopped_gateway,
        """azimuth_require methods=GET role=reader;
           azimuth_require except=GET,OPTIONS role=writer;""",
    )
    reader = bearer(token_of(provider))
    writer = bearer(token_of(provider, realm_access={"roles": ["writer"]}))
    for method in ("GET", "HEAD"):
        assert browser.send(method, "/guarded", reader).status == 200
        assert browser.send(method, "/guarded", writer).status == 403
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
        assert browser.send(method, "/guarded", reader, b"").status == 403
    assert browser.send("PUT", "/guarded", writer, b"").status == 200
    assert browser.send("OPTIONS", "/guarded", reader).status == 200
    # What a client says about its method changes nothing.
    trick = {**reader, "X-HTTP-Method-Override": "GET"}
    assert browser.send("POST", "/guarded", trick, b"").status == 403


def test_a_refusal_names_what_is_missing_and_nothing_else(
    stopped_gateway, provider
):
    browser = start(
        stopped_gateway,
        """azimuth_require role=reader;
           azimuth_require role=writer group=/<admins>;
           azimuth_require role=secret-role;""",
    )
    provider.user.update(ROLES)
    browser.login()
    reply = browser.get("/guarded")
    assert reply.status == 403
    assert reply.get("location") is None
    assert reply.get("cache-control") == "no-store"
    assert "role=writer or group=/&lt;admins&gt;" in reply.text()
    assert "/oauth2/sign_out" in reply.text()
    assert "secret-role" not in reply.text()
    token = bearer(token_of(provider))
    page = {**HTML, "Authorization": token["Authorization"]}
    for headers in (SCRIPT, token, page, page):  # page: cold, then warm
        reply = browser.get("/guarded", headers)
        assert reply.status == 403
        assert reply.json() == {
            "error": "forbidden",
            "message": "this needs role=writer or group=/<admins>",
        }
    reply = browser.send("POST", "/guarded", {
        **bearer(token_of(provider)), "Content-Type": "application/grpc"}, b"")
    assert reply.status == 200 and reply.get("grpc-status") == "7"


def test_rules_add_up_and_can_be_dropped(stopped_gateway, provider):
    browser = start(
        stopped_gateway,
        "azimuth_require group=/readers;",
        """azimuth_require role=reader;
           location /lenient {
               azimuth_require off;
               proxy_pass http://engine;
               location /lenient/again {
                   azimuth_require role=writer;
                   proxy_pass http://engine;
               }
           }""",
    )
    reader = bearer(token_of(provider))
    stranger = bearer(token_of(provider, realm_access=None))
    lonely = bearer(token_of(provider, groups=None))
    assert browser.get("/guarded", reader).status == 200
    assert browser.get("/guarded", lonely).status == 403
    assert browser.get("/guarded", stranger).status == 403
    assert browser.get("/other", lonely).status == 200
    assert browser.get("/other", stranger).status == 403
    assert browser.get("/lenient", stranger).status == 200
    assert browser.get("/lenient/again", reader).status == 403


def test_a_reload_with_other_rules_uses_no_old_bits(stopped_gateway, provider):
    """The first condition of each configuration has the same bit."""
    provider.user.update(ROLES)
    gateway = stopped_gateway
    browser = start(gateway, "azimuth_require role=reader;")
    browser.login()
    token = bearer(token_of(provider))
    for headers in (HTML, token):
        assert browser.get("/guarded", headers).status == 200
    gateway.settings["dashboard"] = gateway.settings["dashboard"].replace(
        "role=reader", "role=writer"
    )
    old = set(gateway.workers())
    gateway.reload()
    wait_until(lambda: not old & set(gateway.workers()))
    for headers in (HTML, token):
        assert [browser.get("/guarded", headers).status
                for _ in range(8)] == [403] * 8


def test_an_internal_redirect_meets_the_rules_of_its_target(
    stopped_gateway, provider, upstream
):
    browser = start(
        stopped_gateway,
        "azimuth_require role=writer;",
        """location /moved { root /nonexistent; error_page 404 = /guarded; }
           location /tried { root /nonexistent; try_files /a /guarded; }
           location /named { root /nonexistent; try_files /a @guarded; }
           location @guarded { azimuth_require role=writer;
                               proxy_pass http://engine; }""",
    )
    provider.user.update(ROLES)
    browser.login()
    browser.get("/free")
    upstream.requests.clear()
    for target in ("/moved", "/tried/x", "/named/x"):
        for headers in (HTML, bearer(token_of(provider))):
            assert browser.get(target, headers).status == 403, target
    assert upstream.requests == []


def test_an_internal_redirect_does_not_change_the_credential(
    stopped_gateway, provider, upstream
):
    browser = start(
        stopped_gateway, "azimuth_auth off;",
        """location /moved { root /nonexistent; error_page 404 = /guarded; }""",
    )
    browser.login()
    browser.get("/free")
    upstream.requests.clear()
    assert browser.get("/moved").status == 403  # a session where a token is due
    assert upstream.requests == []
    assert browser.get("/moved", bearer(token_of(provider))).status == 200


def test_rules_hold_for_the_auth_endpoint(stopped_gateway, provider):
    stopped_gateway.settings["dashboard"] = """
        azimuth_bearer main;
        azimuth_require except=GET role=writer;
    """
    browser = Browser(stopped_gateway.start())
    reader = bearer(token_of(provider))
    writer = bearer(token_of(provider, realm_access={"roles": ["writer"]}))
    # Whose request an ingress asks about is not known: each rule holds.
    assert browser.get("/oauth2/auth", reader).status == 403
    assert browser.get("/oauth2/auth", writer).status == 202
    assert browser.get("/oauth2/userinfo", reader).status == 200
    assert browser.get("/x", reader).status == 200


@pytest.mark.parametrize(
    "rules,words",
    [
        ("azimuth_require;", "arguments"),
        ("azimuth_require reader;", '"reader" is no role='),
        ("azimuth_require role=;", "no proper value"),
        ("azimuth_require client_role=loader;", "no proper value"),
        ("azimuth_require client_role=:x;", "no proper value"),
        ("azimuth_require claim=tenant;", "no proper value"),
        ("azimuth_require email_domain=a@b.test;", "no proper value"),
        ("azimuth_require methods=GET;", "no condition"),
        ("azimuth_require methods=FETCH role=x;", "FETCH"),
        ("azimuth_require methods=GET, role=x;", "no method"),
        ("azimuth_require methods=GET except=PUT role=x;", "one methods="),
        ("azimuth_require off; azimuth_require off;", "duplicate"),
        (f"azimuth_require role={'x' * 300};", "no proper value"),
        ("azimuth_auth off; azimuth_bearer off; azimuth_require role=x;",
         "nobody is asked"),
        ("azimuth_require role=x;" * 33, "too often"),
        ("".join(
            "azimuth_require " + " ".join(
                f"role=r{i}-{k}" for k in range(20)) + ";"
            for i in range(13)), "256 different"),
    ],
)
def test_mistakes_are_found(stopped_gateway, rules, words):
    stopped_gateway.settings["dashboard"] = f"""
        location /guarded {{ {rules} proxy_pass http://engine; }}"""
    status, messages = stopped_gateway.test()
    assert status != 0
    assert words in messages, messages
    assert "test.conf:" in messages


def test_keys_beside_rules_warn(stopped_gateway):
    stopped_gateway.settings["servers"] = f"""
    server {{ listen 127.0.0.1:{stopped_gateway.port}; server_name x;
             azimuth_api_auth key_or_bearer main;
             location / {{ azimuth_require role=x;
                           proxy_pass http://engine; }} }}"""
    status, messages = stopped_gateway.test()
    assert status == 0
    assert "does not look at requests with an API key" in messages
