# SPDX-License-Identifier: Apache-2.0
"""Two providers in one nginx: a user of one is nobody to the other."""

import pytest

from .gateway import COOKIE, SCRIPT, Browser
from .provider import CLIENT_ID

OTHER = "other.example.test"


@pytest.fixture
def two_hosts(stopped_gateway):
    """A second host, whose users come from a second client."""
    g = stopped_gateway
    g.settings["http"] = f"""
    azimuth_provider other {{
        issuer {g.provider.issuer};
        client_id {CLIENT_ID}-other;
        redirect_uri https://{OTHER}/oauth2/callback;
        allow_http_loopback on;
    }}
    server {{
        listen 127.0.0.1:{g.port};
        server_name {OTHER};
        azimuth_auth other;
        location /oauth2/ {{ azimuth_endpoint other; }}
        location / {{ proxy_pass http://engine; }}
    }}
    """
    return g.start()


@pytest.mark.parametrize("target", ["/collections", "/oauth2/auth",
                                    "/oauth2/userinfo"])
def test_a_session_of_another_provider_opens_nothing(two_hosts, target):
    here = Browser(two_hosts)
    here.login()
    assert here.get(target, SCRIPT).status in (200, 202)
    there = Browser(two_hosts, OTHER)
    there.cookies[COOKIE] = here.cookies[COOKIE]
    assert there.get(target, SCRIPT).status == 401
    assert here.get(target, SCRIPT).status in (200, 202)
