# SPDX-License-Identifier: Apache-2.0
"""What ./appliance refuses, and that it says what to do."""
import fcntl
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from conftest import ROOT, disk_with, fake_program


@pytest.mark.parametrize("words", [
    ["up", "--no-such-option"], ["up", "--no-such-option", "1"], ["fly"],
    ["up", "--sample", "yes"],
    ["up", "--follow"], ["up", "--no-install=yes"], ["down", "--no-sample"],
    ["bench", "--state"], ["bench", "nothing"], ["up", "--port", "70000"],
    ["up", "--port", "http"], ["up", "--port", "08443"], ["up", "--port"],
    ["up", "--port", "7000", "--engine-port", "7000"],
    ["up", "--port", "7001", "--keycloak-port", "7000"],
    ["up", "--keycloak-port", "65535"], # the next one is no port
    ["up", "--domain", "a b"], ["up", "--domain", "a..b"],
    ["up", "--domain", ".a"], ["up", "--listen", "::1"],
    ["up", "--listen", "300.1.1.1"], ["up", "--listen", "127.0.1"],
    ["up", "--issuer", "ftp://somewhere"], ["up", "--api-auth", "keys"],
    ["up", "--issuer", "https://somewhere/realm"],
    ["down", "--port", "1"], ["status", "word"]])
def test_wrong_options_are_named_with_status_2(appliance, words):
    refused = appliance.run(*words)
    assert refused.returncode == 2
    assert "--help" in refused.stderr
    assert not (appliance.state / "run").exists()


def test_options_before_the_command_and_without_value_are_told(appliance):
    early = subprocess.run([ROOT / "appliance", "--state", "/x", "up"],
                           capture_output=True, text=True)
    assert early.returncode == 2 and "the command comes first" in early.stderr
    for words, told in [
            (["up", "--port"], "--port needs a value"),
            (["up", "--prot"], "unknown option: --prot"),
            (["down", "--force"], "unknown option: --force"),
            (["down", "--no-sample"], "--no-sample: only for up"),
            (["up", "-f"], "-f: only for logs"),
            (["up", "--engine-port", "x"], "--engine-port: 'x' is no port"),
            (["up", "--api-auth", "none"], "key, bearer and key_or_bearer"),
            (["up", "--client-id", "a b"], "--client-id: 'a b'")]:
        assert told in appliance.run(*words).stderr
    bench = appliance.run("bench", "nothing")
    assert "churn" in bench.stderr and "search" in bench.stderr


def test_bench_refuses_wrong_options_before_it_builds(appliance):
    build = appliance.folder / "build"
    refused = subprocess.run(
        [ROOT / "appliance", "bench", "search", "--nosuch"],
        env={**os.environ, "AZIMUTH_BUILD": str(build)},
        capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2 and "--nosuch" in refused.stderr
    assert not build.exists()


def test_help_names_every_command(appliance):
    shown = appliance.run("--help")
    assert shown.returncode == 0
    for word in ("up", "down", "status", "logs", "check", "bench",
                 "--issuer", "--state"):
        assert word in shown.stdout


def test_port_in_use_is_named_with_its_process(appliance):
    with socket.create_server(("127.0.0.1", appliance.port)):
        refused = appliance.up(*appliance.ports(), *appliance.provider())
    assert refused.returncode == 1
    assert f"port {appliance.port} is in use by python" in refused.stderr
    assert "--port" in refused.stderr
    assert appliance.pids() == {}


def test_missing_packages_are_named(appliance):
    programs = fake_program(appliance.folder / "bin", "dpkg-query", "exit 1\n")
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           PATH=f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin")
    assert refused.returncode == 1
    assert "apt-get install" in refused.stderr
    for package in ("gcc", "libyyjson-dev", "valkey-server", "nginx-dev"):
        assert package in refused.stderr
    assert "maven" not in refused.stderr    # no Keycloak, no Maven


def test_full_disk_is_named(appliance):
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           **disk_with(100, appliance))
    assert refused.returncode == 1
    assert "no disk space" in refused.stderr
    assert "100 MiB are free" in refused.stderr


def test_unreadable_secret_is_named(appliance):
    refused = appliance.up(*appliance.ports(), "--issuer", "https://a/b",
                           "--client-secret-file", "/no/such/file")
    assert refused.returncode == 1
    assert "/no/such/file" in refused.stderr


def test_asking_for_a_key_that_the_engine_lacks_is_refused(appliance):
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           "--api-auth", "key")
    assert refused.returncode == 1
    assert "QDRANT__SERVICE__API_KEY" in refused.stderr
    assert not (appliance.state / "settings").exists()


def test_a_port_for_the_engine_alone_is_refused(appliance):
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           QDRANT__SERVICE__HTTP_PORT="7000")
    assert refused.returncode == 1
    assert "--engine-port" in refused.stderr
    assert "HTTP_PORT" not in appliance.up(
        *appliance.ports(), *appliance.provider(), "--api-auth", "key").said


def test_empty_secret_is_named(appliance):
    refused = appliance.up(*appliance.ports(), "--issuer", "https://a/b",
                           "--client-secret-file", "/dev/null")
    assert refused.returncode == 1
    assert "first line of /dev/null is empty" in refused.stderr
    assert not appliance.state.exists()


def test_state_path_that_is_too_long_is_refused(appliance):
    appliance.state = appliance.folder / ("x" * 90)
    refused = appliance.up(*appliance.ports(), *appliance.provider())
    assert refused.returncode == 1
    assert "longer than" in refused.stderr and "--state" in refused.stderr


def test_state_that_is_not_there_is_named(appliance):
    refused = appliance.run("status")
    assert refused.returncode == 1
    assert "no appliance in" in refused.stderr


def test_child_that_dies_at_start_is_named_with_its_words(appliance):
    build = appliance.folder / "build"
    fake_program(build, "azimuthd", "echo the storage is made of cheese >&2\n"
                 "exit 3\n")
    fake_program(build, "azimuthctl", "exit 0\n")
    (build / "Makefile").write_text("all:\n\t@:\n")
    module = "gateway/ngx_http_azimuth_module.so"
    real = pathlib.Path(appliance.built) / module
    (build / module).parent.mkdir()
    (build / module).write_bytes(real.read_bytes())
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           AZIMUTH_BUILD=str(build))
    assert refused.returncode == 1
    assert "azimuthd died while it was starting" in refused.stderr
    assert "made of cheese" in refused.stderr
    assert "Building" not in refused.stdout     # it took no time
    # What came up before it does not stay behind unseen.
    assert "valkey" in appliance.run("status").stdout


def test_building_anew_is_told_when_it_takes_a_while(appliance):
    build = appliance.folder / "build"
    build.mkdir()
    (build / "Makefile").write_text("all:\n\t@sleep 4; echo oh no; false\n")
    refused = appliance.up(*appliance.ports(), *appliance.provider(),
                           AZIMUTH_BUILD=str(build))
    assert refused.returncode == 1
    assert "Building (all cores) ...\n" in refused.stdout
    assert "oh no" in refused.stderr and "the build failed" in refused.stderr


def test_two_at_a_time_are_kept_apart(appliance):
    appliance.state.mkdir()
    with open(appliance.state / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = appliance.up(*appliance.ports(), *appliance.provider())
    assert refused.returncode == 1
    assert "another ./appliance works" in refused.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_another_user_is_told_whose_it_is(appliance):
    here = appliance.folder / "checkout"    # ROOT may be closed to others
    shutil.copytree(ROOT / "ingress/local", here / "ingress/local")
    shutil.copy(ROOT / "appliance", here)
    for folder in ("log", "secret"):
        (appliance.state / folder).mkdir(parents=True)
        (appliance.state / folder).chmod(0o700)
    (appliance.state / "settings").touch()
    (appliance.state / "lock").touch()
    for command in ("status", "logs", "down"):
        refused = subprocess.run(
            [here / "appliance", command, "--state", appliance.state],
            user=65534, group=65534, extra_groups=[], capture_output=True,
            text=True, cwd="/", env={**os.environ, "HOME": "/"})
        assert refused.returncode == 1, command
        said = refused.stderr.splitlines()
        assert said[0].startswith("appliance: cannot "), command
        assert "run as root" in said[1] and len(said) == 2, command
