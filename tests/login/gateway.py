# SPDX-License-Identifier: Apache-2.0
"""nginx with the module, a real Valkey and an upstream that tells what it got.

Nothing here uses TLS: nginx listens on loopback, tests play the browser and
keep Secure cookies by hand.
"""

import html
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from .provider import CLIENT_ID, CLIENT_SECRET

DASHBOARD = "dash.example.test"
API = "api.example.test"
ORIGIN = f"https://{DASHBOARD}"
COOKIE = "__Host-azimuth"
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AZIMUTH_BUILD", ROOT / "build"))
# AZIMUTH_WRAP: "valgrind --trace-children=yes", "env LD_PRELOAD=libasan.so.8"
# The whole path: a binary upgrade starts the same program again.
NGINX = [*os.environ.get("AZIMUTH_WRAP", "").split(),
         shutil.which("nginx") or "/usr/sbin/nginx"]
MODULE = BUILD.resolve() / "gateway" / "ngx_http_azimuth_module.so"


_given_ports = set()


def free_port():
    """Below the ports that the system gives to clients: a client of anybody
    could take one of those before nginx does. None is given twice."""
    while True:
        port = random.randrange(10240, 32768)
        if port in _given_ports:
            continue
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def wait_until(what, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def accepts(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def anonymous(pids):
    """Bytes that these processes have for themselves."""
    total = 0
    for pid in pids:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(r"RssAnon:\s+(\d+)", status)[1])
    return total * 1024


class Upstream:
    """Answers every request with a JSON description of it."""

    def __init__(self):
        upstream = self
        self.requests = []
        self.status = 200
        self.extra = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else 40 ms for each answer

            def log_message(self, *_):
                pass

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                left = size
                while left > 0:
                    left -= len(self.rfile.read(min(left, 1 << 20)))
                seen = {
                    "method": self.command,
                    "target": self.path,
                    "headers": [[k.lower(), v] for k, v in self.headers.items()],
                    "body_size": size,
                }
                upstream.requests.append(seen)
                body = json.dumps(seen).encode()
                self.send_response(upstream.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in upstream.extra:
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer
            do_OPTIONS = do_PATCH = answer

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Valkey:
    def __init__(self, directory, name="valkey"):
        self.socket = directory / f"{name}.sock"
        self.directory = directory
        self.process = None

    def start(self, *arguments):
        self.process = subprocess.Popen(
            ["valkey-server", "--port", "0", "--save", "", "--appendonly",
             "no", "--unixsocket", str(self.socket), "--dir",
             str(self.directory), *arguments],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.is_up)
        return self

    def is_up(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(str(self.socket)) == 0

    def command(self, *words):
        return self.commands(words)

    def commands(self, *commands):
        """Sent at once, so that the server does them in one go."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.socket))
            parts = []
            for words in commands:
                parts.append(f"*{len(words)}\r\n".encode())
                for word in words:
                    word = word if isinstance(word, bytes) else str(word).encode()
                    parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
            s.sendall(b"".join(parts))
            return s.recv(1 << 20)

    def listeners(self):
        """How many workers hear which sessions end."""
        reply = self.command("PUBSUB", "NUMSUB", "azimuth:revoked")
        return int(reply.rsplit(b":", 1)[1])

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None
            self.socket.unlink(missing_ok=True)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = [(k.lower(), v) for k, v in response.getheaders()]
        self.body = response.read()

    def all(self, name):
        return [v for k, v in self.headers if k == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def text(self):
        return self.body.decode()

    def forward(self):
        """Where a page goes on to by itself, or None."""
        found = re.search(
            '<meta http-equiv="refresh" content="0;url=([^"]+)">', self.text()
        )
        return html.unescape(found[1]) if found else None


# Without Sec-Fetch-Dest: document, a login begins by a bare redirect.
HTML = {
    "Accept": "text/html,application/xhtml+xml",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
}
SCRIPT = {
    "Accept": "*/*",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}


class Browser:
    """Keeps the cookies of the dashboard host; follows nothing by itself."""

    def __init__(self, gateway, host=DASHBOARD):
        self.gateway = gateway
        self.host = host
        self.cookies = {}

    def send(self, method, target, headers=None, body=None, timeout=20):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.gateway.port, timeout=timeout
        )
        try:
            connection.putrequest(
                method, target, skip_host=True, skip_accept_encoding=True
            )
            connection.putheader("Host", self.host)
            fields = dict(HTML if headers is None else headers)
            if self.cookies and "Cookie" not in fields:
                fields["Cookie"] = "; ".join(
                    f"{k}={v}" for k, v in self.cookies.items()
                )
            for name, value in fields.items():
                values = value if isinstance(value, list) else [value]
                for one in values:
                    connection.putheader(name, one)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            reply = Reply(connection.getresponse())
        finally:
            connection.close()
        for line in reply.all("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.split(";")[0]
            if re.search(r"max-age=0(;|$)", line, re.I) or value == "":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    def get(self, target, headers=None, **more):
        return self.send("GET", target, headers, **more)

    def local(self, location):
        """A Location of the dashboard host, as a target."""
        if location.startswith(ORIGIN):
            location = location[len(ORIGIN):]
        assert location.startswith("/"), location
        return location

    def authorize(self, location):
        """Plays the provider's side; returns the callback as a target."""
        url = urllib.parse.urlsplit(location)
        connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.request("GET", f"{url.path}?{url.query}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 302
        return self.local(answer.getheader("Location"))

    def to_provider(self, target="/dashboard"):
        """Asks for `target` until the provider's address comes back."""
        reply = self.get(target)
        for _ in range(3):
            assert reply.status == 302, (reply.status, reply.text())
            location = reply.get("location")
            if "/authorize?" in location:
                return location
            reply = self.get(self.local(location))
        raise AssertionError("never sent to the provider")

    def sign_out(self):
        reply = self.send("POST", "/oauth2/sign_out",
                          {**HTML, "Sec-Fetch-Site": "same-origin"}, b"")
        assert reply.status in (200, 302), (reply.status, reply.text())
        assert COOKIE not in self.cookies

    def login(self, target="/dashboard"):
        callback = self.authorize(self.to_provider(target))
        reply = self.get(callback)
        assert reply.status == 302, (reply.status, reply.text())
        return reply


class Adopted:
    """A process that another one started; as much of Popen as is needed."""

    def __init__(self, pid):
        self.pid = pid

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def poll(self):
        try:
            state = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        except FileNotFoundError:
            return 0
        return 0 if state.rpartition(")")[2].split()[0] == "Z" else None

    def wait(self, seconds=30):
        wait_until(lambda: self.poll() is not None, seconds)


class Gateway:
    def __init__(self, directory, provider, valkey, upstream):
        self.directory = directory
        self.provider = provider
        self.valkey = valkey
        self.upstream = upstream
        self.port = free_port()
        self.process = None
        self.settings = {
            "workers": 2,
            "daemon": "off",
            "connections": 1024,
            "zone": "azimuth_session_zone 1m ttl=5s;",
            "http": "",
            "provider": "",
            "provider_timeout": "1s",
            "client": "client_secret_file {d}/client.secret;",
            "dashboard": "",
            "main": "",
            "servers": "",
            "valkey": f"unix:{valkey.socket}",
            "api": "",
            "valkey_options": "timeout=500ms",
            "listen": "",
        }
        for name, text in (
            ("session.key", secrets.token_hex(32) + "\n"),
            ("client.secret", CLIENT_SECRET + "\n"),
        ):
            path = directory / name
            path.write_text(text)
            path.chmod(0o600)

    @property
    def error_log(self):
        return self.directory / "error.log"

    @property
    def access_log(self):
        return self.directory / "access.log"

    def configuration(self):
        s = self.settings
        d = self.directory
        user = "user root;" if os.getuid() == 0 else ""
        return f"""
load_module {MODULE};
{user}
worker_processes {s["workers"]};
worker_shutdown_timeout 20s;
{s["main"]}
daemon {s["daemon"]};
pid {d}/nginx.pid;
error_log {self.error_log} info;
events {{ worker_connections {s["connections"]}; }}
http {{
    access_log {self.access_log};
    client_body_temp_path {d}/body;
    proxy_temp_path {d}/proxy;
    fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi;
    scgi_temp_path {d}/scgi;
    client_max_body_size 0;
    azimuth_secret_file {d}/session.key;
    azimuth_valkey {s["valkey"]} {s["valkey_options"]};
    {s["zone"]}
    {s["http"]}
    azimuth_provider main {{
        issuer {self.provider.issuer};
        client_id {CLIENT_ID};
        {s["client"].format(d=d)}
        redirect_uri {ORIGIN}/oauth2/callback;
        timeout {s["provider_timeout"]};
        allow_http_loopback on;
        {s["provider"]}
    }}
    upstream engine {{
        server 127.0.0.1:{self.upstream.port};
        keepalive 16;
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    server {{
        listen 127.0.0.1:{self.port} backlog=1024 {s["listen"]};
        server_name {DASHBOARD};
        azimuth_auth main;
        azimuth_root_redirect /dashboard;
        azimuth_cors_origin {ORIGIN} https://other.example.test:8443;
        {s["dashboard"]}
        location /oauth2/ {{ azimuth_endpoint main; }}
        location / {{ proxy_pass http://engine; }}
    }}
    server {{
        listen 127.0.0.1:{self.port};
        server_name {API};
        azimuth_api_auth open;
        azimuth_cors_origin {ORIGIN};
        {s["api"]}
        location / {{
            proxy_pass http://engine;
            proxy_request_buffering off;
        }}
        location = /checked {{
            auth_request /oauth2/auth;
            auth_request_set $who $sent_http_x_auth_request_user;
            add_header X-Who $who;
            proxy_pass http://engine;
        }}
        location /oauth2/ {{ azimuth_endpoint main; }}
    }}
    {s["servers"]}
}}
"""

    def write(self):
        path = self.directory / "nginx.conf"
        path.write_text(self.configuration())
        return path

    def test(self, text=None):
        """nginx -t; returns (exit status, messages)."""
        path = self.directory / "test.conf"
        path.write_text(self.configuration() if text is None else text)
        done = subprocess.run(
            [*NGINX, "-t", "-c", str(path), "-p", str(self.directory), "-e",
             "stderr"],
            capture_output=True, text=True,
        )
        return done.returncode, done.stderr

    def start(self):
        path = self.write()
        self.process = subprocess.Popen(
            [*NGINX, "-c", str(path), "-p", str(self.directory), "-e",
             str(self.error_log)],
            stderr=subprocess.DEVNULL,
        )
        if self.settings["daemon"] == "on":
            # nginx takes no USR2 from whoever may still be its old master.
            assert self.process.wait(30) == 0, self.error_log.read_text()
            wait_until(lambda: self.pid_in_file() is not None)
            self.process = Adopted(self.pid_in_file())
        # Its pid file comes after it got the port, which may be another's.
        wait_until(lambda: self.process.poll() is not None or (
            (self.directory / "nginx.pid").exists() and accepts(self.port)
        ), 30)
        assert self.process.poll() is None, self.log()
        wait_until(lambda: len(self.workers()) >= self.settings["workers"], 30)
        return self

    def reload(self):
        before = self.error_log.read_text().count("gracefully shutting down")
        self.write()
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: self.error_log.read_text().count(
                "gracefully shutting down"
            ) > before
        )

    def pid_in_file(self):
        """None while an upgrade renames it, and while it is written."""
        try:
            text = (self.directory / "nginx.pid").read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text else None

    def upgrade(self):
        """Another master takes the listeners over and gets its workers; the
        old one is left to be told to go."""
        old = self.process
        old.send_signal(signal.SIGUSR2)
        wait_until(lambda: self.pid_in_file() not in (None, old.pid), 30)
        self.process = Adopted(self.pid_in_file())
        wait_until(lambda: len(self.workers()) >= self.settings["workers"])
        return old

    def workers(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]

    def stop(self):
        """Ends gracefully; says what the log may not hold."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None
        log = self.log()
        for word in ("[alert]", "[crit]", "[emerg]", "Sanitizer"):
            assert word not in log, log
        assert "exited on signal" not in log, log

    def log(self):
        return self.error_log.read_text(errors="replace")
