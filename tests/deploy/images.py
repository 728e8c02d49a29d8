# SPDX-License-Identifier: Apache-2.0
"""Both images run as in a pod: a root that nobody can write to, the image's
user, the chart's configuration, Valkey by the chart's script. A person logs in
and a search is answered through the gateway. Started by images.sh."""
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import time
import urllib.parse

import pytest
from conftest import LOGIN, merged, until
from login.provider import CLIENT_SECRET, Provider

FOLDER = pathlib.Path(os.environ["AZIMUTH_IMAGES"])
DASHBOARD, API = "qdrant-dashboard.example.com", "qdrant.example.com"
PROVIDER_PORT = 9000
USER, GROUP = 1000, 2000
VALUES = merged(LOGIN, {
    "exposure": {"mode": "gateway-direct"},
    "gateway": {"tls": True, "oidc": {"issuer": f"http://127.0.0.1:{PROVIDER_PORT}"},
                "rights": ["group=/readers read *"]}})


class Image:
    """One image's root folder; `run` gives a process in it."""

    def __init__(self, name):
        self.name = name
        self.root = (FOLDER / f"{name}.root").read_text().strip()
        self.config = json.loads((FOLDER / f"{name}.json").read_text())[
            "OCIv1"]["config"]

    def words(self, arguments, mounts=(), environment=()):
        words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                 "--read-only", "--no-new-privileges=yes", "--user=azimuth",
                 "--pipe", "--resolv-conf=off", "--timezone=off",
                 f"--machine=azimuth-{self.name}-{os.getpid()}",
                 f"--directory={self.root}"]
        words += [f"--bind{mode}={source}:{target}"
                  for source, target, mode in mounts]
        words += [f"--setenv={item}" for item in
                  [*self.config.get("Env", []), *environment]]
        return [*words, "--", *arguments]

    def start(self, log, **more):
        """By the image's own entrypoint and command."""
        arguments = [*self.config["Entrypoint"],
                     *(self.config.get("Cmd") or [])]
        with open(log, "ab") as out:
            os.chmod(log, 0o666) # nginx opens its output by name
            return Running(subprocess.Popen(
                self.words(arguments, **more), stdout=out, stderr=out,
                stdin=subprocess.DEVNULL), log)

    def ask(self, *arguments):
        return subprocess.run(self.words(arguments), capture_output=True,
                              text=True, check=False)


class Running:
    def __init__(self, process, log):
        self.process = process
        self.log = log

    def leader(self):
        """The program that is pid 1 in there."""
        children = pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def signal(self, name):
        for pid in self.leader():
            subprocess.run(["kill", f"-{name}", str(pid)], check=True)

    def stop(self, name="TERM"):
        self.signal(name)
        return self.process.wait(60)

    def alive(self):
        assert self.process.poll() is None, \
            self.log.read_text(errors="replace")[-4000:]


def call(method, path, body=None, host=API, port=8080, headers=None,
         address="127.0.0.1"):
    connection = http.client.HTTPConnection(address, port, timeout=30)
    try:
        headers = {"Host": host, **(headers or {})}
        data = None if body is None else json.dumps(body)
        connection.request(method, path, body=data, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    except OSError:
        return 0, {}, b""
    finally:
        connection.close()


def certificate(folder, name):
    """A self-signed pair, as tls.crt and tls.key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
         folder / "tls.key", "-out", folder / "tls.crt"],
        check=True, capture_output=True)
    for path in folder.iterdir():
        path.chmod(0o440)
        os.chown(path, 0, GROUP)
    return ssl.PEM_cert_to_DER_cert((folder / "tls.crt").read_text())


def served():
    """The certificate of the https port."""
    text = ssl.get_server_certificate(("127.0.0.1", 8443), timeout=10)
    return ssl.PEM_cert_to_DER_cert(text)


class Pod:
    """What Kubernetes would mount: folders with the chart's files."""

    def __init__(self, folder, objects):
        self.folder = folder
        data = {name: item["data"] for (kind, name), item in objects.items()
                if kind == "ConfigMap"}
        self.gateway = self.write("gateway", data["oauth2-proxy"])
        self.engine = self.write("engine", data["qdrant"])
        self.valkey = self.write("valkey", {
            name: text.replace("/etc/azimuth/secret", f"{folder}/secret")
            .replace("/run/valkey", f"{folder}/valkey-run")
            .replace("/etc/valkey", f"{folder}/valkey")
            for name, text in data["ephemeral-valkey"].items()})
        self.secret = self.write("secret", {
            "client-secret": CLIENT_SECRET + "\n", "session-key":
            "ab" * 32 + "\n", "identity-key": "cd" * 32 + "\n",
            "valkey-password": "a-password\n"}, mode=0o440)
        self.identity = self.write("identity", {
            "identity-key": "cd" * 32 + "\n"}, mode=0o440)
        self.tls = folder / "tls"
        self.tls.mkdir()
        self.certificate = certificate(self.tls, "first")
        (folder / "valkey-run").mkdir()
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n"
                              "10.99.0.1 qdrant ephemeral-valkey\n")
        self.hosts.chmod(0o644)
        for name in ("engine-run", "gateway-run", "storage", "snapshots"):
            path = folder / name
            path.mkdir()
            os.chown(path, USER, GROUP)

    def write(self, name, files, mode=0o644):
        path = self.folder / name
        path.mkdir(mode=0o755)
        for file, text in files.items():
            (path / file).write_text(text)
            (path / file).chmod(mode)
            os.chown(path / file, 0, GROUP) # as fsGroup does
        return path

    def engine_mounts(self):
        return [(self.engine, "/qdrant/config", "-ro"),
                (self.identity, "/etc/azimuth/secret", "-ro"),
                (self.hosts, "/etc/hosts", "-ro"),
                (self.folder / "engine-run", "/run/azimuth", ""),
                (self.folder / "storage", "/qdrant/storage", ""),
                (self.folder / "snapshots", "/qdrant/snapshots", "")]

    def gateway_mounts(self):
        return [(self.gateway, "/etc/azimuth/gateway", "-ro"),
                (self.secret, "/etc/azimuth/secret", "-ro"),
                (self.tls, "/etc/azimuth/tls", "-ro"),
                (self.hosts, "/etc/hosts", "-ro"),
                (self.folder / "gateway-run", "/run/azimuth", "")]


class World:
    def __init__(self, pod):
        self.pod = pod
        self.engine_image = Image("engine")
        self.gateway_image = Image("gateway")
        self.provider = Provider(PROVIDER_PORT)
        self.valkey = self.engine = self.gateway = None

    def start(self):
        self.provider.start()
        self.valkey = subprocess.Popen(
            ["sh", self.pod.valkey / "start.sh"], stdout=subprocess.DEVNULL)
        self.engine_start()
        self.gateway = self.gateway_image.start(
            self.pod.folder / "gateway.log", mounts=self.pod.gateway_mounts(),
            environment=["AZIMUTH_WATCH_SECONDS=1"])
        until(lambda: self.gateway.alive() or
              call("GET", "/healthz", port=8444)[0] == 200)

    def engine_start(self):
        self.engine = self.engine_image.start(
            self.pod.folder / "engine.log", mounts=self.pod.engine_mounts())
        until(lambda: self.engine.alive() or
              call("GET", "/readyz", port=6333)[0] == 200)

    def stop(self):
        for running in (self.gateway, self.engine):
            if running is not None and running.process.poll() is None:
                running.process.terminate()
                running.process.wait(30)
        if self.valkey is not None:
            self.valkey.terminate()
            self.valkey.wait(30)
        self.provider.stop()


@pytest.fixture(scope="module")
def world(helm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pod")
    for path in (folder, *folder.parents): # for the image's user
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(path.stat().st_mode | 0o055)
    world = World(Pod(folder, helm.objects(VALUES)))
    try:
        world.start()
        yield world
    finally:
        world.stop()
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["engine", "gateway"])
def test_an_image_is_read_only_and_no_root(name):
    image = Image(name)
    assert image.config["User"] == f"{USER}:{GROUP}"
    assert image.ask("id", "-u").stdout.strip() == str(USER)
    assert image.ask("id", "-g").stdout.strip() == str(GROUP)
    for path in ("/x", "/usr/local/bin/x", "/etc/x"):
        result = image.ask("sh", "-c", f"echo x >{path}")
        assert result.returncode != 0, path
    # As root's twin would see it, too.
    mounted = image.ask("sh", "-c", "grep ' / ' /proc/mounts").stdout
    assert " ro," in mounted.splitlines()[-1]
    caps = image.ask("grep", "CapEff", "/proc/self/status").stdout
    assert int(caps.split()[1], 16) == 0


def test_the_tools_of_the_manuals_are_there():
    """kubectl exec qdrant-0 -- df -h /qdrant/storage"""
    image = Image("engine")
    assert image.ask("df", "-h", "/qdrant/storage").returncode == 0
    assert "azimuthd" in image.ask("azimuthd", "--version").stdout


def test_a_search_through_the_gateway(world):
    points = [{"id": i, "vector": [i, 1, 0, 1], "payload": {"n": i}}
              for i in range(1, 100)]
    path = "/collections/docs"
    assert call("PUT", path, {"vectors": {
        "size": 4, "distance": "Dot"}})[0] == 200
    status, _, body = call("PUT", f"{path}/points?wait=true",
                           {"points": points})
    assert status == 200, body
    status, headers, body = call("POST", f"{path}/points/search", {
        "vector": [1, 0, 0, 0], "limit": 2})
    assert status == 200
    assert [hit["id"] for hit in json.loads(body)["result"]] == [99, 98]
    assert headers["X-Request-Id"]


def test_a_person_logs_in_and_has_the_rights_of_the_map(world):
    html = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    jar = {}

    def visit(path, method="GET", body=None, **more):
        cookies = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())}
        status, headers, data = call(method, path, body, host=DASHBOARD,
                                     headers={**html, **cookies, **more})
        for line in headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            jar[name] = value
        return status, headers.get("Location", ""), data

    assert visit("/")[:2] == (301, "/dashboard")
    status, location, _ = visit("/dashboard")
    assert status == 302 and "/oauth2/start?rd=" in location
    status, location, _ = visit(location[location.index("/oauth2"):])
    assert status == 302, location
    url = urllib.parse.urlsplit(location)
    assert url.port == PROVIDER_PORT
    status, headers, _ = call("GET", f"{url.path}?{url.query}",
                              port=PROVIDER_PORT)
    back = headers["Location"]
    assert back.startswith(f"https://{DASHBOARD}/oauth2/callback?")
    status, location, data = visit(back[back.index("/oauth2"):])
    assert (status, location.endswith("/dashboard")) == (302, True), data
    status, _, page = visit("/dashboard/")
    assert status == 200 and b"<script" in page
    assert visit("/collections")[0] == 200
    # The map gives /readers the right to read, no more.
    call("PUT", "/collections/read", {"vectors": {
        "size": 4, "distance": "Dot"}})
    assert visit("/collections/read")[0] == 200
    assert visit("/collections/read", "DELETE")[0] == 403

    # A key that is added on top is read, and nobody is logged out by it.
    key = world.pod.secret / "session-key"
    key.write_text("ef" * 32 + "\n" + key.read_text())
    log = world.gateway.log
    until(lambda: "new secrets" in log.read_text(errors="replace"))
    time.sleep(0.5) # the old workers go
    assert visit("/collections")[0] == 200


def test_the_kubelet_and_prometheus_come_from_outside(world):
    """Not from loopback, where the metrics of the gateway are open anyway."""
    for port, path, word in (
            (8444, "/healthz", b""), (8444, "/readyz", b""),
            (8444, "/metrics", b"azimuth_requests_total"),
            (6333, "/livez", b""), (6333, "/readyz", b""),
            (6333, "/metrics", b"collections_total")):
        def answers():
            status, _, body = call("GET", path, port=port,
                                   address="10.99.0.1")
            return status == 200 and word in body
        until(answers) # readyz of the gateway looks up once a second


def test_a_new_certificate_is_served(world):
    """And a broken one leaves the old one in its place."""
    assert served() == world.pod.certificate
    second = certificate(world.pod.tls, "second")
    until(lambda: served() == second)
    (world.pod.tls / "tls.crt").write_text("no certificate\n")
    time.sleep(3) # it is looked at each second
    world.gateway.alive()
    assert served() == second
    assert certificate(world.pod.tls, "third") != second


def test_grpc_passes_the_same_port(world):
    """grpc.health.v1.Health/Check: an empty question, SERVING."""
    result = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "--data-binary", "@-",
         "-H", f"Host: {API}", "-H", "Content-Type: application/grpc", "-H",
         "TE: trailers", "http://127.0.0.1:8080/grpc.health.v1.Health/Check"],
        input=bytes(5), capture_output=True, check=True)
    assert result.stdout == b"\0\0\0\0\2\x08\x01"


def test_a_pod_that_is_killed_has_lost_nothing(world):
    path = "/collections/kept"
    call("PUT", path, {"vectors": {"size": 4, "distance": "Dot"}}, port=6333)
    status, _, _ = call("PUT", f"{path}/points?wait=true", {"points": [
        {"id": 7, "vector": [1, 2, 3, 4]}]}, port=6333)
    assert status == 200
    world.engine.stop("KILL")
    world.engine_start()
    status, _, body = call("GET", f"{path}/points/7", port=6333)
    assert status == 200 and json.loads(body)["result"]["id"] == 7


def test_both_stop_when_they_are_told(world):
    """As a pod is ended: by the image's stop signal, within its grace."""
    assert world.engine.stop("TERM") == 0
    signal = world.gateway_image.config["StopSignal"].removeprefix("SIG")
    assert world.gateway.stop(signal) == 0
