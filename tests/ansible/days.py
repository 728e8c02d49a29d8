# SPDX-License-Identifier: Apache-2.0
"""What is done on other days with a machine that test_bare.py has installed, each
by its tag of 10_deploy.yaml."""
import json
import re
import ssl
import urllib.error
import urllib.request

from bare import PASSWORD, USER

DEPLOY = "10_deploy.yaml"
ODD = "a\\b\"c'd$e`f#g;h"  # systemd, the shell and YAML have their own ideas


def deploy(play, site, *words, **more):
    done = play(site.inventory, DEPLOY, *words, ADMIN_PASSWORD=PASSWORD, **more)
    assert done.code == 0, done
    return done


def by_tag(play, site, tag, variables=None, **more):
    return deploy(play, site, "--tags", tag, "-e", json.dumps(variables or {}),
                  **more)


def status(url, key=None, cafile=None):
    request = urllib.request.Request(
        url, headers={} if key is None else {"api-key": key})
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def keys_stay_until_they_are_removed(play, site):
    def answers(*keys):
        return [status(site.engine + "/collections", key) for key in keys]

    assert answers(None) == [200]
    given = by_tag(play, site, "apikey", QDRANT_API_KEY=ODD,
                   QDRANT_READ_ONLY_API_KEY="to-look")
    assert given.changed > 0 and answers(None, ODD, "to-look") == [
        401, 200, 200], given
    assert deploy(play, site).changed == 0
    assert play(site.inventory, "18_test.yaml").code == 0 # finds the key
    by_tag(play, site, "backup")
    other = by_tag(play, site, "apikey", QDRANT_API_KEY="second-word")
    assert other.changed > 0
    assert answers(ODD, "second-word", "to-look") == [401, 200, 200], other
    site.sh("mv /etc/azimuth/engine.env /root/engine.env")
    lost = play(site.inventory, DEPLOY, "--tags", "apikey",
                ADMIN_PASSWORD=PASSWORD)
    assert lost.code != 0 and "/etc/azimuth/engine.env has no api-key" in (
        re.sub(r"\s+", " ", lost.out)), lost
    site.sh("mv /root/engine.env /etc/azimuth/engine.env")
    by_tag(play, site, "apikey", {"engine_keys_remove": ["api-key"]})
    assert answers("second-word", "to-look") == [401, 200]
    by_tag(play, site, "apikey", {"engine_keys_remove": ["read-only-api-key"]})
    assert answers(None) == [200]
    assert deploy(play, site).changed == 0
    for run in (given, other, lost):
        assert not [word for word in (ODD, "second-word", "to-look")
                    if word in run.out]


def a_backup_comes_back(play, site, collection):
    client = site.client()
    count = client.count(collection).count
    assert count > 0
    assert by_tag(play, site, "backup", {"backup_keep": 2}).changed == 1
    client.delete_collection(collection)
    one = {"backup_restore_collections": [collection]}
    by_tag(play, site, "restore", one)
    assert client.count(collection).count == count
    there = play(site.inventory, DEPLOY, "--tags", "restore", "-e",
                 json.dumps(one))
    assert there.code != 0 and "overwrite" in there.out, there
    by_tag(play, site, "restore", {**one, "backup_restore_overwrite": True})
    assert client.count(collection).count == count


def limits_hold(play, site):
    limits = {"api": "1r/s", "apiBurst": 2, "dashboard": "200r/s",
              "dashboardBurst": 100}
    done = by_tag(play, site, "ratelimit", {"gateway_rate_limit": limits})
    assert done.changed > 0, done
    url = site.api + "/collections"
    answers = [status(url, cafile=site.ca) for _ in range(20)]
    assert 200 in answers and 429 in answers, answers
    deploy(play, site)
    assert {status(url, cafile=site.ca) for _ in range(20)} == {200}


def reads_are_written_down(play, site):
    lines = "grep -c 'GET /collections\"' /var/log/azimuth-engine/audit.log || :"
    status(site.engine + "/collections")
    before = int(site.sh(lines))
    by_tag(play, site, "audit", {"engine_audit": "all"})
    status(site.engine + "/collections")
    assert int(site.sh(lines)) > before
    deploy(play, site)
    after = int(site.sh(lines))
    status(site.engine + "/collections")
    assert int(site.sh(lines)) == after


def the_clients_secret_is_rotated(play, site):
    path = "cat /etc/azimuth/gateway/secret/client-secret"
    person = site.person()
    person.log_in(*USER)
    before = site.sh(path)
    done = by_tag(play, site, "rotate")
    after = site.sh(path)
    assert before != after and after.strip() not in done.out
    assert person.is_in() # nobody is logged out
    assert site.person().log_in(*USER).startswith(site.dashboard)
    assert deploy(play, site).changed == 0 and site.sh(path) == after


def what_is_wrong_is_told(play, site):
    def look():
        done = play(site.inventory, DEPLOY, "--tags", "troubleshoot")
        assert done.code == 0 and done.changed == 0, done
        assert not [word for word in secrets if word in done.out]
        return re.sub(r"\s+", " ", done.out)

    secrets = site.sh("cat /etc/azimuth/gateway/secret/* "
                      "/etc/azimuth/engine/identity-key").split()
    healthy = look()
    for words in ("ActiveState=active", "/readyz: 200", "azimuth-engine 0.1.0",
                  "dashboard: 302", "API: 200", "huge pages", "notAfter=",
                  "test is successful"):
        assert words in healthy, (words, healthy)
    for words in ("azimuth-engine is ", "azimuth-gateway is ", "says -1",
                  "does not take its configuration"):
        assert words not in healthy, (words, healthy)
    site.sh("systemctl stop azimuth-engine")
    try:
        ill = look()
    finally:
        site.sh("systemctl start azimuth-engine")
    site.wait_until_ready()
    assert "azimuth-engine is inactive" in ill
    assert "API: 502" in ill
