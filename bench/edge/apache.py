# SPDX-License-Identifier: Apache-2.0
"""Apache with mod_auth_openidc, as Debian packages them, before the same
upstream and provider: what a platform team would run instead."""

import pathlib
import shutil
import signal
import subprocess

from login.gateway import DASHBOARD, accepts, free_port, wait_until
from login.provider import CLIENT_ID, CLIENT_SECRET, DISCOVERY

MODULES = pathlib.Path("/usr/lib/apache2/modules")
NAMES = ("mpm_event", "authn_core", "authz_core", "authz_user", "proxy",
         "proxy_http", "auth_openidc", "unixd")


def missing():
    """What has to be installed first, as Debian's package names."""
    packages = []
    if shutil.which("apache2") is None:
        packages.append("apache2")
    if not (MODULES / "mod_auth_openidc.so").exists():
        packages.append("libapache2-mod-auth-openidc")
    return packages


class Apache:
    """`cache`: "shm" or "redis" (then on `valkey_port`)."""

    def __init__(self, stage, cache):
        self.directory = stage.directory / f"apache-{cache}"
        self.directory.mkdir()
        self.port = free_port()
        self.plain_port = free_port()
        self.host = DASHBOARD
        path = self.directory / "apache.conf"
        path.write_text(self.configuration(stage, cache))
        self.process = subprocess.Popen(
            ["apache2", "-DFOREGROUND", "-f", str(path)],
            stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.port))

    def configuration(self, stage, cache):
        d = self.directory
        loads = "\n".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so"
            for name in NAMES if (MODULES / f"mod_{name}.so").exists())
        store = "OIDCCacheType shm"
        if cache == "redis":
            store = ("OIDCCacheType redis\n"
                     f"OIDCRedisCacheServer 127.0.0.1:{stage.valkey_port}")
        provider = stage.provider.issuer
        return f"""
{loads}
ServerRoot {d}
ServerName {DASHBOARD}
PidFile {d}/apache.pid
ErrorLog {d}/error.log
LogLevel error
User www-data
Group www-data
Listen 127.0.0.1:{self.port}
Listen 127.0.0.1:{self.plain_port}
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
ThreadsPerChild 64
MaxRequestWorkers 128
ServerLimit 2
MinSpareThreads 64
MaxSpareThreads 128
OIDCProviderMetadataURL {provider}{DISCOVERY}
OIDCClientID {CLIENT_ID}
OIDCClientSecret {CLIENT_SECRET}
OIDCRedirectURI http://{DASHBOARD}:{self.port}/oauth2/callback
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCPKCEMethod S256
OIDCSessionType server-cache
OIDCSessionInactivityTimeout 3600
OIDCPassClaimsAs headers
{store}
<VirtualHost 127.0.0.1:{self.port}>
    <Location />
        AuthType openid-connect
        Require valid-user
    </Location>
    ProxyPass /oauth2/callback !
    ProxyPass / http://127.0.0.1:{stage.backend.port}/
</VirtualHost>
<VirtualHost 127.0.0.1:{self.plain_port}>
    ProxyPass / http://127.0.0.1:{stage.backend.port}/
</VirtualHost>
"""

    def cookie(self):
        """Logs in; the Cookie header of the session."""
        import http.client
        import urllib.parse

        def ask(port, host, target, cookies):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            headers = {"Host": host, "Accept": "text/html"}
            if cookies:
                headers["Cookie"] = "; ".join(
                    f"{k}={v}" for k, v in cookies.items())
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    cookies[key] = rest.split(";")[0]
            connection.close()
            return answer
        cookies = {}
        host = f"{DASHBOARD}:{self.port}"
        answer = ask(self.port, host, "/dashboard", cookies)
        assert answer.status == 302, answer.status
        url = urllib.parse.urlsplit(answer.getheader("Location"))
        answer = ask(url.port, url.netloc, f"{url.path}?{url.query}", {})
        assert answer.status == 302, answer.status
        url = urllib.parse.urlsplit(answer.getheader("Location"))
        answer = ask(self.port, host, f"{url.path}?{url.query}", cookies)
        assert answer.status == 302, (answer.status, self.log())
        answer = ask(self.port, host, "/dashboard", cookies)
        assert answer.status == 200, (answer.status, self.log())
        return "; ".join(f"{k}={v}" for k, v in cookies.items())

    def log(self):
        return (self.directory / "error.log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
