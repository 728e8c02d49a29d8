# SPDX-License-Identifier: Apache-2.0
"""T50: settings that would be unsafe do not start; ../test_config.py has the
long list of mistakes, here are those that an attacker would wish for."""

import re
import signal

import pytest

from ..gateway import wait_until

UNSAFE = {
    "no-secret": ("azimuth_secret_file ", "#azimuth_secret_file "),
    "http-issuer": ("issuer http://127.0.0.1", "issuer http://idp.example"),
    "http-issuer-0": ("issuer http://127.0.0.1", "issuer http://0x7f.1"),
    "http-issuer-name": ("issuer http://127.0.0.1",
                         "issuer http://127.0.0.1.evil.example"),
    "no-loopback": ("allow_http_loopback on;", ""),
    "unknown-directive": ("client_id ", "skip_verification on; client_id "),
    "unknown-value": ("azimuth_api_auth open;", "azimuth_api_auth maybe;"),
    "unknown-provider": ("azimuth_auth main;", "azimuth_auth mian;"),
    "samesite": ("client_max_body_size 0;",
                 "azimuth_cookie samesite=nothing;"),
    "star": ("azimuth_cors_origin https://dash.example.test https",
             "azimuth_cors_origin * https"),
    "null": ("azimuth_cors_origin https://dash.example.test https",
             "azimuth_cors_origin null https"),
    "pattern": ("azimuth_cors_origin https://dash.example.test https",
                "azimuth_cors_origin https://*.example.test https"),
    "root-redirect": ("azimuth_root_redirect /dashboard;",
                      "azimuth_root_redirect //evil.example;"),
    "root-redirect-2": ("azimuth_root_redirect /dashboard;",
                        "azimuth_root_redirect /\\\\evil.example;"),
    "open-and-closed": ("azimuth_api_auth open;",
                        "azimuth_api_auth open; azimuth_auth main;"),
    "redirect-uri": ("redirect_uri https://dash.example.test/",
                     "redirect_uri https://dash.example.test/x/"),
    "user-in-issuer": ("issuer http://127", "issuer http://u:p@127"),
    "no-openid": ("timeout 1s;", "timeout 1s; scope email;"),
}


def complaint(gateway, text):
    status, messages = gateway.test(text)
    assert status != 0
    found = [m for m in messages.split("\n") if "[emerg]" in m]
    assert len(found) == 1, messages
    assert re.search(r"in \S+test\.conf:\d+$", found[0]), found[0]
    return found[0]


@pytest.mark.parametrize("good,bad", UNSAFE.values(), ids=UNSAFE.keys())
def test_t50_unsafe_settings_name_file_and_line(stopped_gateway, good, bad):
    text = stopped_gateway.configuration()
    assert good in text
    complaint(stopped_gateway, text.replace(good, bad, 1))


@pytest.mark.parametrize("key", ["", "0" * 63, "0" * 62 + "zz", "x" * 64,
                                 "0" * 65, "00" * 16, "\0" * 64])
def test_t50_a_weak_or_broken_key_is_refused(stopped_gateway, key):
    path = stopped_gateway.directory / "session.key"
    path.write_text(key + "\n")
    path.chmod(0o600)
    assert key[:32] not in complaint(
        stopped_gateway, stopped_gateway.configuration()
    ) or key == ""


@pytest.mark.parametrize("name", ["session.key", "client.secret"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_t50_a_secret_that_others_can_read_is_refused(
    stopped_gateway, name, mode
):
    (stopped_gateway.directory / name).chmod(mode)
    complaint(stopped_gateway, stopped_gateway.configuration())


def test_t50_two_providers_of_one_name(stopped_gateway):
    text = stopped_gateway.configuration()
    block = text[text.index("azimuth_provider main {"):]
    block = block[: block.index("}") + 1]
    assert "duplicate" in complaint(
        stopped_gateway, text.replace(block, block * 2)
    )


def test_t50_a_running_gateway_survives_a_bad_reload(gateway, browser):
    browser.login()
    good = gateway.configuration
    gateway.configuration = lambda: good().replace(
        "azimuth_auth main;", "azimuth_auth nobody;"
    )
    workers = gateway.workers()
    gateway.write()
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "nobody" in gateway.log())
    assert gateway.workers() == workers
    assert browser.get("/dashboard").status == 200
    # an [emerg] in the log is what the test is about
    gateway.error_log.write_text(gateway.log().replace("[emerg]", "[bad]"))
