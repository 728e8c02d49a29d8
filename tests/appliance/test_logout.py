# SPDX-License-Identifier: Apache-2.0
"""Keycloak's administrator ends a session, and the dashboard asks for a login:
the appliance's own Keycloak calls the gateway's back channel."""
import json
import time
import urllib.parse
import urllib.request

from person import Person
from ports import free_port


class Admin:
    def __init__(self, port, password):
        self.base = f"http://127.0.0.1:{port}"
        form = {"client_id": "admin-cli", "grant_type": "password",
                "username": "admin", "password": password}
        answer = urllib.request.urlopen(
            f"{self.base}/realms/master/protocol/openid-connect/token",
            urllib.parse.urlencode(form).encode(), timeout=60)
        self.token = json.load(answer)["access_token"]

    def call(self, method, path):
        request = urllib.request.Request(
            f"{self.base}/admin/realms/azimuth/{path}", method=method,
            headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            return json.loads(body) if body else None


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.2)


def test_a_session_that_the_administrator_ends_is_over(appliance):
    port = free_port(neighbours=1)
    up = appliance.up(*appliance.ports(), "--keycloak-port", str(port),
                      "--no-sample")
    assert up.returncode == 0, up.said
    secret = appliance.state / "secret"
    password = (secret / "demo-password").read_text().strip()
    admin = Admin(port, (secret / "keycloak-admin-password").read_text()
                  .strip())
    one, two = (Person(f"https://{appliance.host}:{appliance.port}",
                       appliance.state / "tls/ca.pem") for _ in range(2))
    for person in (one, two):
        assert person.log_in("demo", password).startswith(person.origin)
        assert person.is_in()
    user = admin.call("GET", "users?username=demo")[0]["id"]
    sessions = admin.call("GET", f"users/{user}/sessions")
    assert len(sessions) == 2
    # one of the two ends, and only that one
    admin.call("DELETE", f"sessions/{sessions[0]['id']}")
    wait_until(lambda: one.is_in() != two.is_in())
    # all of the user's
    admin.call("POST", f"users/{user}/logout")
    wait_until(lambda: not one.is_in() and not two.is_in())
