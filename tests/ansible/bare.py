# SPDX-License-Identifier: Apache-2.0
"""What tests of bare hosts share: a Keycloak, a fresh machine and the
inventory that names both; packages of an older version; people and
applications that use what was installed."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from client_package import installed
from machine import Machine
from person import Person
from ports import free_port

PASSWORD = "an-administrator-of-the-test"
USER = ("demo", "a-person-of-the-test")
DOMAIN = "box.localhost"
NAMES = ("azimuth-engine", "azimuth-gateway", "azimuth-tools")
OLDER = "0.0.9~test"
START_SECONDS = 600  # the first time Keycloak is fetched and built


class Keycloak:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        secret = folder / "secret"
        secret.mkdir(parents=True)
        (secret / "keycloak-admin-password").write_text(PASSWORD)
        self.process = None

    def start(self):
        log = self.folder / "log.txt"
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [str(pathlib.Path(__file__).parent / "keycloak.sh"),
                 str(self.folder), str(self.port)], stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.call("GET", "/admin/realms")
                return
            except OSError:
                assert self.process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.5)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def call(self, method, path, body=None):
        form = urllib.parse.urlencode({
            "client_id": "admin-cli", "grant_type": "password",
            "username": "admin", "password": PASSWORD}).encode()
        token = json.load(urllib.request.urlopen(
            f"{self.url}/realms/master/protocol/openid-connect/token",
            form))["access_token"]
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}",
                     "Content-Type": "application/json"})
        text = urllib.request.urlopen(request).read()
        return json.loads(text) if text else None

    def client(self):
        one, = self.call(
            "GET", "/admin/realms/main/clients?clientId=qdrant-dashboard")
        return one

    def add_user(self):
        """Somebody who may change collections."""
        name, password = USER
        self.call("POST", "/admin/realms/main/users", {
            "username": name, "enabled": True, "emailVerified": True,
            "email": "demo@example.com", "firstName": "De", "lastName": "Mo",
            "credentials": [{"type": "password", "value": password}]})
        user, = self.call("GET", f"/admin/realms/main/users?username={name}")
        role = self.call("GET", "/admin/realms/main/roles/azimuth-manage")
        self.call("POST", f"/admin/realms/main/users/{user['id']}"
                  "/role-mappings/realm", [role])


def is_free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("", port))
        except OSError:
            return False
    return True


class Site:
    """A machine and what belongs to it; `play` takes `inventory`. `second`: the
    engine has one of its own."""

    def __init__(self, folder, packages, second=False):
        self.folder = folder
        self.ca = folder / "tls.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
             f"/CN={DOMAIN}", "-addext",
             f"subjectAltName=DNS:qdrant.{DOMAIN},"
             f"DNS:qdrant-dashboard.{DOMAIN}", "-keyout",
             str(folder / "tls.key"), "-out", str(self.ca)], check=True,
            capture_output=True)
        self.keycloak = Keycloak(folder / "keycloak", free_port(neighbours=1))
        ssh, self.https, self.status_port, self.engine_port, grpc = (
            free_port() for _ in range(5))
        if second and all(map(is_free, (80, 443))):
            self.https = 443  # as most will have it
        self.machine = Machine(folder / "box", ssh)
        self.second = second and Machine(folder / "engine", free_port())
        self.sh, self.reboot = self.machine.sh, self.machine.reboot
        at = "" if self.https == 443 else f":{self.https}"
        self.dashboard = f"https://qdrant-dashboard.{DOMAIN}{at}"
        self.api = f"https://qdrant.{DOMAIN}{at}"
        self.engine = f"http://127.0.0.1:{self.engine_port}"
        self.inventory = folder / "inventory.json"
        self.variables = {
            "ansible_host": "127.0.0.1", "ansible_user": "root",
            "ansible_ssh_common_args": " ".join(self.machine.ssh_options()),
            "azimuth_platform": "bare", "azimuth_packages_dir": str(packages),
            "domain_name": DOMAIN, "keycloak_url": self.keycloak.url,
            "keycloak_realm": "main",
            "gateway_certificate_file": str(self.ca),
            "gateway_key_file": str(folder / "tls.key"),
            "gateway_ca_file": "/etc/ssl/box.pem",
            "gateway_https_port": self.https, "gateway_listen": "127.0.0.1",
            "gateway_status_port": self.status_port,
            "engine_http_port": self.engine_port, "engine_grpc_port": grpc,
            "verify_retries": 2}
        self.write_inventory(self.inventory)

    def write_inventory(self, path, **changes):
        gateway, engine = (
            {one.folder.name: {"ansible_port": one.ssh_port,
                               "ansible_ssh_private_key_file": str(one.key)}}
            for one in (self.machine, self.second or self.machine))
        path.write_text(json.dumps({"all": {
            "vars": {**self.variables, **changes},
            "children": {"azimuth_gateway": {"hosts": gateway},
                         "azimuth_engine": {"hosts": engine}}}}))
        return path

    def changed(self, **changes):
        """An inventory that differs in these variables."""
        return self.write_inventory(self.folder / "changed.json", **changes)

    def prepare(self):
        """Names that resolve, and an authority that is known."""
        self.sh(f"echo 127.0.0.1 qdrant.{DOMAIN} qdrant-dashboard.{DOMAIN} "
                ">>/etc/hosts")
        shutil.copy(self.ca, self.machine.root / "etc/ssl/box.pem")
        self.keycloak.call("POST", "/admin/realms", {
            "realm": "main", "enabled": True, "sslRequired": "none"})

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        for url in (f"http://127.0.0.1:{self.status_port}", self.engine):
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url + "/readyz").close()
                    break
                assert time.monotonic() < deadline, url
                time.sleep(0.5)

    def collections(self):
        reply = json.load(urllib.request.urlopen(self.engine + "/collections"))
        return sorted(c["name"] for c in reply["result"]["collections"])

    def person(self):
        return Person(self.dashboard, self.ca)

    def client(self):
        """Qdrant's own client, at the API host."""
        folder = str(installed("latest"))
        if folder not in sys.path:
            sys.path.insert(0, folder)
        from qdrant_client import QdrantClient
        return QdrantClient(
            url=self.api, timeout=30, check_compatibility=False,
            verify=ssl.create_default_context(cafile=self.ca))


@contextlib.contextmanager
def running_site(folder, packages, second=False):
    site = Site(folder, packages, second)
    try:
        site.keycloak.start()
        with site.machine, site.second or contextlib.nullcontext():
            site.prepare()
            yield site
    finally:
        if site.keycloak.process is not None:
            site.keycloak.stop()


def older(packages, folder):
    """A folder with the packages of an older version: those that
    AZIMUTH_OLD_PACKAGES_DIR holds, or these under a lower number."""
    if os.environ.get("AZIMUTH_OLD_PACKAGES_DIR"):
        return pathlib.Path(os.environ["AZIMUTH_OLD_PACKAGES_DIR"])
    for name in NAMES:
        source, = packages.glob(f"{name}_*.deb")
        tree = folder / name
        for command in (
                ["dpkg-deb", "-R", source, tree],
                ["sed", "-i", f"s/^Version: .*/Version: {OLDER}/",
                 tree / "DEBIAN/control"],
                ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree,
                 folder / f"{name}_{OLDER}_{source.name.split('_')[2]}"]):
            subprocess.run(list(map(str, command)), check=True,
                           capture_output=True)
        shutil.rmtree(tree)
    return folder


class Looping(threading.Thread):
    """`with Looping(...) as loop:` calls step() again and again meanwhile."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.trouble = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        try:
            while not self.ended.is_set():
                self.step()
        except BaseException as error:
            self.trouble = error


class Writer(Looping):
    """An application: one point after the other, over the API host. What was
    refused it writes again."""

    def __init__(self, site, collection):
        super().__init__()
        self.client, self.collection = site.client(), collection
        self.acknowledged, self.refused = [], []

    def step(self):
        from qdrant_client.http import exceptions
        from qdrant_client.models import PointStruct
        number = len(self.acknowledged)
        try:
            self.client.upsert(self.collection, [PointStruct(
                id=number, vector=[number + 1.0, 1.0],
                payload={"number": number})], wait=True)
            self.acknowledged.append(number)
        except (exceptions.UnexpectedResponse,
                exceptions.ResponseHandlingException) as error:
            self.refused.append(str(error)[:200])
            time.sleep(0.1)


class Visitor(Looping):
    """A page that is open: asks for its session, each time by a connection of
    its own."""

    def __init__(self, person):
        super().__init__()
        self.person, self.statuses = person, []

    def step(self):
        self.statuses.append(self.person.status("/oauth2/auth"))
        time.sleep(0.05)
