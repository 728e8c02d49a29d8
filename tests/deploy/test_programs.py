# SPDX-License-Identifier: Apache-2.0
"""The programs take what the chart writes for them: azimuthd its
configuration, nginx with our module its own, Valkey its start script."""
import os
import shutil
import socket
import subprocess

import pytest
from azimuthd import Engine, free_ports, program
from conftest import BUILD, CHART, LOGIN, ROOT, merged, until

MODULE = BUILD / "gateway/ngx_http_azimuth_module.so"
FULL = merged(LOGIN, {
    "exposure": {"mode": "gateway-direct"},
    "cors": {"enabled": True, "allowedOrigins": ["https://a.example.com"]},
    "gateway": {
        "tls": True, "apiAuth": "key_or_bearer",
        "rights": ["group=team-a manage team-a-*", "any read public-*"],
        "cookie": {"domain": ".example.com", "sameSite": "none"},
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "rateLimit": {"api": "100r/s"},
        "oidc": {"caConfigMap": "ca", "connectTo": "127.0.0.1:8443",
                 "scopes": ["openid", "email"]}}})


def test_azimuthd_knows_every_key(helm, tmp_path):
    """No warning: a key that it does not know would be said."""
    text = helm.objects(FULL)["ConfigMap", "qdrant"]["data"]["production.yaml"]
    port, grpc_port = free_ports(2)
    key = tmp_path / "identity-key"
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o600)
    for old, new in (("6333", str(port)), ("6334", str(grpc_port)),
                     ("/qdrant", str(tmp_path)),
                     ("/run/azimuth", str(tmp_path))):
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "production.yaml"
    config.write_text(text)
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [program(), "--config-path", config, "--host", "127.0.0.1",
             "--static-content-dir", ROOT / "dashboard/dist"],
            stdout=out, stderr=out)
    try:
        until(lambda: connects(port) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        assert "WARN" not in log.read_text().upper()
    finally:
        process.terminate()
        assert process.wait(30) == 0


def connects(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def nginx():
    return shutil.which("nginx") or "/usr/sbin/nginx"


def old_nginx():
    """Debian 12's has no directive http2; the image's has."""
    text = subprocess.run([nginx(), "-v"], capture_output=True, text=True,
                          check=True).stderr
    version = text.split("/")[1].split()[0]
    return tuple(map(int, version.split(".")[:3])) < (1, 25, 1)


@pytest.mark.parametrize("mode", ["plain", "full"])
def test_nginx_takes_its_configuration(helm, tmp_path, mode):
    values = FULL if mode == "full" else merged(
        LOGIN, {"exposure": {"mode": "ingress"}})
    data = helm.objects(values)["ConfigMap", "oauth2-proxy"]["data"]
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    for name in ("client-secret", "session-key", "identity-key",
                 "valkey-password"):
        (secret / name).write_text("ab" * 32 + "\n")
        (secret / name).chmod(0o600)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout",
         tmp_path / "tls.key", "-out", tmp_path / "tls.crt"],
        check=True, capture_output=True)
    shutil.copy(tmp_path / "tls.crt", tmp_path / "ca.crt")
    (tmp_path / "proxy.conf").write_text(data["proxy.conf"])
    text = data["nginx.conf"]
    for old, new in (
            ("/tmp/", f"{tmp_path}/"),
            ("/usr/local/lib/azimuth/ngx_http_azimuth_module.so", MODULE),
            ("/run/azimuth", tmp_path), ("/etc/azimuth/gateway", tmp_path),
            ("/etc/azimuth/tls", tmp_path), ("/etc/azimuth/ca", tmp_path),
            ("/dev/stdout", tmp_path / "out"),
            ("server qdrant:", "server 127.0.0.1:"),
            ("ephemeral-valkey:6379", "127.0.0.1:6379")):
        text = text.replace(old, str(new))
    if old_nginx():
        text = text.replace("    http2 on;\n", "")
    conf = tmp_path / "nginx.conf"
    conf.write_text(text)
    result = subprocess.run([nginx(), "-t", "-e", "stderr", "-c", conf],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_valkey_lets_the_gateway_in_and_nobody_else(helm, tmp_path):
    data = helm.objects(FULL)["ConfigMap", "ephemeral-valkey"]["data"]
    port, = free_ports(1)
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "valkey-password").write_text("pass-word\n")
    for name in ("valkey.conf", "start.sh"):
        text = data[name]
        for old, new in (("/etc/azimuth/secret", tmp_path),
                         ("/run/valkey", run), ("/etc/valkey", tmp_path),
                         ("port 6379", f"port {port}\nbind 127.0.0.1")):
            text = text.replace(old, str(new))
        (tmp_path / name).write_text(text)
    with open(tmp_path / "log", "wb") as out:
        process = subprocess.Popen(["sh", tmp_path / "start.sh"],
                                   stdout=out, stderr=out)

    def ask(*words, password=None):
        who = ["--user", "azimuth"] if password else []
        return subprocess.run(
            ["valkey-cli", "-p", str(port), *who, *words],
            capture_output=True, text=True, check=False,
            env={**os.environ, **({"REDISCLI_AUTH": password}
                                  if password else {})}).stdout.strip()
    try:
        until(lambda: ask("ping") == "PONG")
        assert "NOPERM" in ask("get", "azimuth:x")
        assert "NOPERM" in ask("config", "get", "*")
        known = {"password": "pass-word"}
        assert ask("set", "azimuth:x", "1", "EX", "9", **known) == "OK"
        assert "NOPERM" in ask("set", "other", "1", **known)
        assert "NOPERM" in ask("flushall", **known)
        assert not ask("get", "azimuth:x", password="wrong").startswith("1")
        assert (run / "users.acl").stat().st_mode & 0o077 == 0
    finally:
        process.terminate()
        process.wait(30)


def test_the_gateway_waits_for_its_secrets(tmp_path):
    script = ROOT / "ingress/container/gateway.sh"
    (tmp_path / "secret").mkdir()
    (tmp_path / "run").mkdir()
    result = subprocess.run(
        ["sh", script], capture_output=True, text=True, check=False,
        env={**os.environ, "AZIMUTH_SECRETS": str(tmp_path / "secret"),
             "AZIMUTH_RUN": str(tmp_path / "run")})
    assert result.returncode != 0
    assert "client-secret is missing" in result.stderr


def test_helm_test_finds_what_it_stored(tmp_path):
    """The script that `helm test` runs, against an engine with a key."""
    port, grpc_port = free_ports(2)
    environment = {**os.environ, "QDRANT__SERVICE__API_KEY": "a-key"}
    with open(tmp_path / "log", "wb") as out:
        process = subprocess.Popen(
            [program(), "--host", "127.0.0.1", "--http-port", str(port),
             "--storage-path", tmp_path / "storage"],
            stdout=out, stderr=out,
            env={**environment, "QDRANT__SERVICE__GRPC_PORT": str(grpc_port)})
    try:
        until(lambda: connects(port))
        for key, status in (("a-key", 0), ("another", 22)):
            result = subprocess.run(
                ["sh", CHART / "files/test.sh"], capture_output=True,
                text=True, check=False,
                env={**os.environ, "QDRANT_API_KEY": key,
                     "QDRANT_URL": f"http://127.0.0.1:{port}"})
            assert result.returncode == status, result.stderr
            assert ("found" in result.stdout) == (status == 0)
    finally:
        process.terminate()
        process.wait(30)


def test_snapshots_are_put_back_where_nothing_is(tmp_path):
    """snapshotRestoration: what is there already stays as it is."""
    old = Engine(tmp_path / "old").start()
    new = Engine(tmp_path / "new", environment={
        "QDRANT__SERVICE__API_KEY": "a-key"}).start()
    key = {"api-key": "a-key"}
    try:
        files = []
        for name in ("docs", "kept"):
            old.create(name)
            old.upsert(name, [{"id": 1, "vector": [1, 2, 3, 4]}])
            path = f"/collections/{name}/snapshots"
            snapshot = old.call("POST", path).result["name"]
            file = tmp_path / f"{name}.snapshot"
            file.write_bytes(old.call("GET", f"{path}/{snapshot}").body)
            files.append(f"{file}:{name}")
        assert new.call("PUT", "/collections/kept", {
            "vectors": {"size": 2, "distance": "Dot"}}, key).status == 200
        result = subprocess.run(
            ["sh", CHART / "files/restore.sh", *files], capture_output=True,
            text=True, check=False,
            env={**os.environ, "QDRANT__SERVICE__API_KEY": "a-key",
                 "AZIMUTH_URL": f"http://127.0.0.1:{new.port}"})
        assert result.returncode == 0, result.stderr
        for name, count in (("docs", 1), ("kept", 0)):
            info = new.call("GET", f"/collections/{name}", None, key).result
            assert info["points_count"] == count
    finally:
        old.stop()
        new.stop()


def test_a_mirror_holds_what_the_chart_asks_for(helm, tmp_path):
    """mirror.sh with a skopeo that only writes down what it is told."""
    skopeo = tmp_path / "skopeo"
    skopeo.write_text(f'#!/bin/sh\necho "$3" >>{tmp_path}/copied\n'
                      '[ "$1" = copy ] && [ "${2%%:*}" != "" ]\n')
    skopeo.chmod(0o755)
    script = ROOT / "ingress/container/mirror.sh"
    subprocess.run(["sh", script, "harbor.example.com/library/"], check=True,
                   env={**os.environ,
                        "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    copied = set((tmp_path / "copied").read_text().split())
    text = helm.text(merged(FULL, {
        "global": {"imageRegistry": "harbor.example.com/library"},
        "discovery": {"enabled": True},
        "backup": {"enabled": True, "to": "s3://bucket"}}))
    asked = {line.split()[-1] for line in text.splitlines()
             if line.strip().startswith("image: ")}
    assert copied == {f"docker://{image}" for image in asked}
    assert subprocess.run(["sh", script], capture_output=True,
                          check=False).returncode == 2
