# SPDX-License-Identifier: Apache-2.0
"""register and deregister: against an API server, and as a file."""
import signal
import subprocess
import time

import pytest
import yaml

from api_server import Server
from azimuthd import program
from conftest import run

WAIT_SECONDS = 30


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(tmp_path, server):
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text(server.token)
    (folder / "namespace").write_text("qdrant")
    return folder


@pytest.fixture
def ctl(server, account):
    def call(command, *arguments):
        return run(command, "--kube-url", server.url, "--account-dir", account,
                   "--domain", "example.com", *arguments)
    return call


def until(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_registers_once_and_takes_it_back(ctl, server):
    done = ctl("register")
    assert done.code == 0 and ": registered" in done.out, done
    labels = server.object["metadata"]["labels"]
    assert labels == {"thinkube.io/managed": "true",
                      "thinkube.io/service-type": "optional",
                      "thinkube.io/service-name": "qdrant",
                      "thinkube.io/component-version": "0.1.0"}
    service = yaml.safe_load(server.object["data"]["service.yaml"])["service"]
    assert service["category"] == "ai"
    assert service["icon"] == "/icons/tk_vector.svg"
    assert [e["url"] for e in service["endpoints"]] == [
        "https://qdrant-dashboard.example.com", "https://qdrant.example.com",
        "http://qdrant.qdrant.svc.cluster.local:6333",
        "qdrant.qdrant.svc.cluster.local:6334"]
    # Names and values, as Thinkube's code-server and notebooks read them.
    assert {"name": "QDRANT_GRPC_PORT", "value": "6334"} in service[
        "environment_variables"]
    assert service["scaling"]["resource_name"] == "qdrant"
    version = server.version
    done = ctl("register")
    assert done.code == 0 and "was registered already" in done.out, done
    assert server.version == version
    assert "deregistered" in ctl("deregister").out
    assert server.object is None
    assert "was not registered" in ctl("deregister").out


def test_what_another_owner_has_is_left(ctl, server):
    server.put("somebody", {"service.yaml": "theirs"})
    done = ctl("register")
    assert done.code == 1 and "--force" in done.err, done
    done = ctl("deregister")
    assert done.code == 1 and "not made by us" in done.err, done
    assert server.object["data"] == {"service.yaml": "theirs"}
    assert ctl("register", "--force").code == 0
    assert "qdrant" in server.object["data"]["service.yaml"]


def test_a_server_that_comes_late_is_waited_for(ctl, server):
    server.refusals = [503, 503]
    done = ctl("register")
    assert done.code == 0, done


def test_refusals_say_what_is_missing(ctl, server, account):
    server.token = "another"
    done = ctl("register")
    assert done.code == 1 and "401" in done.err, done
    server.token = "token-1"
    done = ctl("register", "--namespace", "elsewhere")
    assert done.code == 1 and "Role" in done.err, done
    (account / "token").unlink()
    done = ctl("register")
    assert done.code == 1 and "token" in done.err, done
    assert "token-1" not in done.err


def test_it_stays_and_mends(server, account):
    process = subprocess.Popen(
        [str(program().parent / "azimuthctl"), "register", "--kube-url",
         server.url, "--account-dir", str(account), "--domain", "example.com",
         "--watch", "1", "--deregister-at-end"], stdout=subprocess.PIPE)
    try:
        until(lambda: server.object is not None)
        server.object = None
        until(lambda: server.object is not None)
        own = server.object["data"]
        server.edit("kubectl-edit", {"service.yaml": "another"})
        until(lambda: server.object["data"] == own)
        # The token that the kubelet renews is taken up.
        server.token = "token-2"
        (account / "token").write_text("token-2")
        server.object = None
        until(lambda: server.object is not None)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
        process.stdout.close()
    assert server.object is None


def test_a_host_without_a_cluster_gets_a_file(tmp_path):
    to = tmp_path / "discovery"
    arguments = ("--driver", "file", "--to", to, "--domain", "example.com")
    done = run("register", *arguments)
    assert done.code == 0, done
    file = to / "thinkube-service-config.yaml"
    assert yaml.safe_load(file.read_text())["service"]["name"] == "qdrant"
    assert "already" in run("register", *arguments).out
    assert run("register", *arguments, "--print").out == file.read_text()
    own = tmp_path / "own.yaml"
    own.write_text("service: {name: other}\n")
    assert run("register", *arguments, "--service-file", own).code == 0
    assert file.read_text() == own.read_text()
    assert run("deregister", *arguments).code == 0
    assert not file.exists()


def test_wrong_options(tmp_path):
    for arguments, words in (
            (("--driver", "file", "--to", tmp_path), "--domain"),
            (("--driver", "etcd", "--domain", "x"), "--driver"),
            (("--driver", "file", "--domain", 'a"b'), "--domain")):
        done = run("register", *arguments)
        assert done.code == 2 and words in done.err, done
    done = run("register", "--driver", "kubernetes", "--domain", "x")
    assert done.code == 1 and "no pod" in done.err, done
