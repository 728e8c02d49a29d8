# SPDX-License-Identifier: Apache-2.0
"""doctor: each trouble is named, with what to do."""
import json
import os
import shutil
import socket
import subprocess

import pytest

from conftest import run


def look(storage, *arguments):
    done = run("doctor", "--json", "--storage", storage, "--host", "127.0.0.1",
               *arguments)
    found = json.loads(done.out)
    assert done.code == (1 if found["failures"] else 0)
    return found


def of(found, check, level):
    return [f for f in found["findings"]
            if f["check"] == check and f["level"] == level]


@pytest.fixture
def storage(tmp_path):
    folder = tmp_path / "storage"
    folder.mkdir(mode=0o700)
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_sound_machine(storage):
    found = look(storage, "--http-port", free_port(), "--grpc-port",
                 free_port())
    assert {f["check"] for f in found["findings"]} >= {
        "storage", "files", "memory", "processor", "clock", "REST port",
        "gRPC port"}
    assert all(f["advice"] for f in found["findings"] if f["level"] != "ok")
    assert of(found, "REST port", "ok") and not of(found, "storage", "fail")
    assert list(storage.iterdir()) == []


def test_a_taken_port_names_its_holder(storage):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = look(storage, "--http-port", port, "--grpc-port", free_port())
        fail, = of(found, "REST port", "fail")
        assert f"pid {os.getpid()}" in fail["text"]
        assert "http_port" in fail["advice"]


def test_a_running_engine_is_no_trouble(storage, engine):
    found = look(storage, "--running", "--http-port", engine.port,
                 "--grpc-port", engine.grpc_port)
    assert of(found, "REST port", "ok"), found
    found = look(storage, "--running", "--http-port", free_port(),
                 "--grpc-port", engine.grpc_port)
    assert "start the engine" in of(found, "REST port", "fail")[0]["advice"]


def test_folders(storage, tmp_path):
    found = look(tmp_path / "nowhere")
    assert "No such file" in of(found, "storage", "fail")[0]["text"]
    file = tmp_path / "file"
    file.write_text("")
    assert "no folder" in of(look(file), "storage", "fail")[0]["text"]
    storage.chmod(0o777)
    assert "everybody" in of(look(storage), "storage", "fail")[0]["text"]
    storage.chmod(0o755)
    assert "read" in of(look(storage), "storage", "warn")[0]["text"]


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None,
                    reason="mounts need root")
def test_a_file_system_of_memory_is_named(storage):
    program = run.__globals__["program"]().parent / "azimuthctl"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c",
         f"mount -t tmpfs -o mode=700,size=2g none {storage} && exec {program} "
         f"doctor --json --storage {storage}"],
        capture_output=True, text=True)
    if not done.stdout:
        pytest.skip(done.stderr)
    warn, = of(json.loads(done.stdout), "storage", "warn")
    assert "tmpfs" in warn["text"] and "disk" in warn["advice"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_open_files(storage):
    program = run.__globals__["program"]().parent / "azimuthctl"
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 512; exec {program} doctor --json --storage "
         f"{storage}"], capture_output=True, text=True)
    assert done.returncode == 1
    fail, = of(json.loads(done.stdout), "files", "fail")
    assert "LimitNOFILE" in fail["advice"]
