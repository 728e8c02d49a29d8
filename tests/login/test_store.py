# SPDX-License-Identifier: Apache-2.0
"""Which server is asked, and what becomes of one that lies (T41, T43)."""

import hashlib
import pathlib
import re
import socket
import subprocess
import time

import pytest

from .authority import Authority
from .gateway import (
    API, COOKIE, Browser, Valkey, accepts, free_port, wait_until,
)
from .liar import Liar


@pytest.fixture
def cold(stopped_gateway):
    """Every request asks the store."""
    stopped_gateway.settings["zone"] = "azimuth_session_zone off;"
    return stopped_gateway


@pytest.fixture
def second(directory):
    v = Valkey(directory, "second")
    yield v
    v.stop()


def serve(valkey, *more):
    """Starts `valkey` on a port of its own, too."""
    valkey.stop()
    valkey.port = free_port()
    valkey.start("--port", str(valkey.port), "--bind", "127.0.0.1",
                 "--repl-diskless-sync-delay", "0", *more)
    return valkey


def follow(replica, master):
    replica.command("REPLICAOF", "127.0.0.1", master.port)
    wait_until(lambda: b"link_status:up" in replica.command("INFO",
                                                            "replication"))


def at(*valkeys):
    return " ".join(f"127.0.0.1:{v.port}" for v in valkeys)


# ---- several endpoints -----------------------------------------------------


def test_a_replica_is_passed_over(cold, valkey, second):
    serve(valkey)
    follow(serve(second), valkey)
    cold.settings["valkey"] = at(second, valkey)
    cold.start()
    browser = Browser(cold)
    browser.login()
    assert browser.get("/dashboard").status == 200
    assert f"Valkey at 127.0.0.1:{second.port}: it is a replica" in cold.log()
    assert b"azimuth:session" in valkey.command("KEYS", "*")


def test_a_dead_endpoint_is_passed_over(cold, valkey):
    serve(valkey)
    cold.settings["valkey"] = f"127.0.0.1:{free_port()} {at(valkey)}"
    cold.start()
    browser = Browser(cold)
    browser.login()
    assert browser.get("/dashboard").status == 200


def test_a_master_that_is_demoted_costs_nobody_a_request(
    cold, valkey, second
):
    serve(valkey)
    follow(serve(second), valkey)
    cold.settings["valkey"] = at(valkey, second)
    cold.start()
    browser = Browser(cold)
    browser.login()
    wait_until(lambda: b"azimuth:session" in second.command("KEYS", "*"))
    assert browser.get("/dashboard").status == 200
    second.command("REPLICAOF", "NO", "ONE")
    valkey.command("REPLICAOF", "127.0.0.1", second.port)
    for _ in range(8):
        assert browser.get("/dashboard").status == 200
    assert "READONLY" in cold.log()


def test_a_killed_connection_costs_nobody_a_request(cold, valkey):
    cold.start()
    browser = Browser(cold)
    browser.login()
    for _ in range(5):
        valkey.command("CLIENT", "KILL", "TYPE", "normal")
        assert browser.get("/dashboard").status == 200


def test_with_all_endpoints_gone_the_answer_is_503(cold, valkey, second):
    serve(valkey)
    serve(second)
    cold.settings["valkey"] = at(valkey, second)
    cold.start()
    browser = Browser(cold)
    browser.login()
    valkey.stop()
    second.stop()
    reply = browser.get("/dashboard")
    assert reply.status == 503
    assert "Valkey" in reply.text() and "127.0.0.1" not in reply.text()
    valkey.start("--port", str(valkey.port), "--bind", "127.0.0.1")
    wait_until(lambda: browser.get("/dashboard").status == 302)


# ---- sentinels -------------------------------------------------------------


@pytest.fixture
def sentinel(directory, valkey, second):
    serve(valkey)
    follow(serve(second), valkey)
    port = free_port()
    path = directory / "sentinel.conf"
    path.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\n"
        f"sentinel monitor azimuth 127.0.0.1 {valkey.port} 1\n"
        "sentinel down-after-milliseconds azimuth 300\n"
        "sentinel failover-timeout azimuth 3000\n"
        "requirepass of-the-sentinel\n"
    )
    process = subprocess.Popen(
        ["valkey-server", str(path), "--sentinel"], stdout=subprocess.DEVNULL
    )
    wait_until(lambda: accepts(port))
    yield port
    process.kill()
    process.wait()


def sentinel_replicas(port):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"AUTH of-the-sentinel\r\nSENTINEL REPLICAS azimuth\r\n")
        time.sleep(0.05)
        return s.recv(1 << 16)


def test_a_sentinel_names_the_master_before_and_after_a_fail_over(
    cold, valkey, second, sentinel
):
    path = cold.directory / "sentinel.password"
    path.write_text("of-the-sentinel\n")
    path.chmod(0o600)
    cold.settings["valkey"] = (
        f"sentinel=127.0.0.1:{free_port()},127.0.0.1:{sentinel} "
        f"master=azimuth sentinel_password_file={path}"
    )
    wait_until(
        lambda: f":{second.port}".encode() in sentinel_replicas(sentinel)
    )
    cold.start()
    browser = Browser(cold)
    browser.login()
    assert browser.get("/dashboard").status == 200
    wait_until(lambda: b"azimuth:session" in second.command("KEYS", "*"))
    valkey.process.kill()
    wait_until(lambda: browser.get("/dashboard").status == 200, 20)
    assert b"role:master" in second.command("INFO", "replication")
    log = cold.log()
    assert f"sentinel at 127.0.0.1" in log
    assert "of-the-sentinel" not in log


def test_a_sentinel_without_that_master_is_named(cold, sentinel):
    path = cold.directory / "sentinel.password"
    path.write_text("of-the-sentinel\n")
    path.chmod(0o600)
    cold.settings["valkey"] = (
        f"sentinel=127.0.0.1:{sentinel} master=other "
        f"sentinel_password_file={path}"
    )
    cold.start()
    browser = Browser(cold)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 503
    assert "knows no master of that name" in cold.log()


# ---- who we are ------------------------------------------------------------


def test_a_refused_password_is_in_the_log_with_the_cause(cold, valkey):
    valkey.command("CONFIG", "SET", "requirepass", "the-right-word")
    path = cold.directory / "valkey.password"
    path.write_text("a-wrong-word\n")
    path.chmod(0o600)
    cold.settings["valkey_options"] = f"password_file={path}"
    cold.start()
    browser = Browser(cold)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 503
    assert "AUTH: WRONGPASS" in cold.log()
    assert "word" not in cold.log().replace("password", "")


def with_user(gateway, valkey, directory, user):
    """Starts both; the gateway's user of the store is as that line says."""
    valkey.stop()
    path = directory / "users.conf"
    path.write_text("user default off\n" + user + "\n")
    valkey.start("--aclfile", str(path))
    secret = directory / "valkey.password"
    secret.write_text("word\n")
    secret.chmod(0o600)
    gateway.settings["valkey_options"] = (
        f"username=azimuth password_file={secret} timeout=500ms"
    )
    return gateway.start()


def user_of_the_appliance():
    from .gateway import ROOT

    text = (ROOT / "ingress" / "local" / "valkey.conf.in").read_text()
    hashed = "#" + hashlib.sha256(b"word").hexdigest()
    first, line = re.findall(r"^user .*$", text, re.M)
    assert first == "user default off"
    return line.replace("@VALKEY_HASH@", hashed)


def refreshed(gateway, provider):
    """A browser whose session was refreshed once."""
    provider.access_life = 1
    browser = Browser(gateway)
    browser.login()
    provider.access_life = 300
    wait_until(lambda: browser.get("/dashboard").status == 200
               and len(provider.refreshes) == 1)
    return browser


def test_the_end_of_a_refresh_needs_a_right_that_the_log_names(
    stopped_gateway, provider, valkey, directory
):
    user = user_of_the_appliance()
    gateway = with_user(stopped_gateway, valkey, directory,
                        user.replace("+eval ", ""))
    browser = refreshed(gateway, provider)
    wait_until(lambda: "'eval' command" in gateway.log())
    assert browser.get("/dashboard").status == 200


def test_the_rights_of_the_appliance_are_enough(
    stopped_gateway, provider, valkey, directory
):
    """The user of ingress/local may do what we need, and nothing else."""
    gateway = with_user(stopped_gateway, valkey, directory,
                        user_of_the_appliance())
    browser = refreshed(gateway, provider)
    stays = Browser(gateway)
    stays.cookies = dict(browser.cookies)
    browser.sign_out()
    wait_until(lambda: stays.get("/dashboard").status == 302)
    assert "NOPERM" not in gateway.log()
    login = ["AUTH", "azimuth", "word"]
    for words in (["GET", "other"], ["SET", "other", "x"], ["KEYS", "*"],
                  ["FLUSHALL"], ["CONFIG", "GET", "*"],
                  ["PUBLISH", "other", "x"], ["SUBSCRIBE", "other"],
                  ["FUNCTION", "LIST"], ["SCRIPT", "FLUSH"]):
        assert b"NOPERM" in valkey.commands(login, words), words
    # A script may do no more than the user.
    for words in ("'GET','other'", "'KEYS','*'"):
        answer = valkey.commands(
            login, ["EVAL", f"return redis.call({words})", "0"]
        )
        assert b"ACL failure" in answer, answer
    assert b"NOAUTH" in valkey.command("GET", "azimuth:x")


# ---- TLS -------------------------------------------------------------------


@pytest.fixture
def secured(cold, valkey, directory):
    authority = Authority(directory)
    certificate, key = authority.server("store.example.test")
    valkey.stop()
    valkey.port = free_port()
    valkey.start(
        "--tls-port", str(valkey.port), "--bind", "127.0.0.1",
        "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
        "--tls-auth-clients", "no",
    )
    cold.settings["valkey"] = at(valkey)
    cold.authority = authority
    return cold


def test_the_store_is_reached_over_tls(secured, valkey):
    secured.settings["zone"] = "azimuth_session_zone 1m ttl=30s;"
    secured.settings["valkey_options"] = (
        f"tls=on ca={secured.authority.file} tls_name=store.example.test"
    )
    secured.start()
    wait_until(lambda: valkey.listeners() == 2)
    browser = Browser(secured)
    browser.login()
    stays = Browser(secured)
    stays.cookies = dict(browser.cookies)
    assert stays.get("/dashboard").status == 200
    browser.sign_out()
    wait_until(lambda: stays.get("/dashboard").status == 302)


@pytest.mark.parametrize("options", [
    "tls=on tls_name=store.example.test",
    "tls=on ca={ca} tls_name=other.example.test",
    "tls=on ca={ca}",
], ids=["authority", "name", "address"])
def test_a_store_that_is_another_is_refused(secured, options):
    secured.settings["valkey_options"] = options.format(
        ca=secured.authority.file
    )
    secured.start()
    browser = Browser(secured)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 503
    assert "TLS failed: " in secured.log()
    assert COOKIE not in browser.cookies


# ---- lies ------------------------------------------------------------------


@pytest.fixture
def liar(valkey):
    valkey.stop()
    lies = Liar(valkey.socket)
    yield lies
    lies.stop()
    valkey.socket.unlink()


def resident(gateway):
    total = 0
    for pid in gateway.workers():
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += int(text.partition("VmRSS:")[2].split()[0])
    return total


def endless(begin, part):
    def answer(peer):
        peer.sendall(begin)
        for _ in range((64 << 20) // len(part)):
            peer.sendall(part)
    return answer


LIES = {
    "loading": b"-LOADING loading the dataset in memory\r\n",
    "readonly": b"-READONLY You can't write against a replica.\r\n",
    "noauth": b"-NOAUTH Authentication required.\r\n",
    "oom": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "moved": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "integer": b":1\r\n",
    "http": b"HTTP/1.1 200 OK\r\n\r\n",
    "nested": b"*1\r\n" * 1000,
    "negative": b"$-12\r\n",
    "announced": b"*2147483647\r\n",
    "huge": endless(b"$2147483647\r\n", b"x" * 65536),
    "line": endless(b"+", b"x" * 65536),
    "elements": endless(b"*1000000\r\n", b"$-1\r\n" * 1024),
    "flood": endless(b"", b"+OK\r\n" * 4096),
    "cut": None,
    "record": b"$5\r\nhello\r\n",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_no_session_and_takes_no_memory(cold, valkey, liar, lie):
    liar.answers["GETEX"] = lie
    cold.start()
    wait_until(lambda: len(cold.workers()) == 2)
    workers = cold.workers()
    browser = Browser(cold)
    browser.login()
    before = resident(cold)
    for _ in range(3):
        reply = browser.get("/dashboard")
        assert reply.status != 200
        assert reply.status == 503 or lie == LIES["record"], reply.text()
        assert Browser(cold, API).get("/collections").status == 200
    assert resident(cold) - before < 24 << 10
    assert cold.workers() == workers


def test_a_connection_that_is_out_of_step_is_left(cold, liar):
    """The next answer on it would be to somebody else's question."""
    def greetings():
        return sum(words[0] == b"ROLE" for words in liar.seen)

    liar.answers["GETEX"] = b":1\r\n"
    cold.settings["workers"] = 1
    browser = Browser(cold.start())
    browser.login()
    before = greetings()
    reply = browser.get("/dashboard")
    assert reply.status == 503
    assert "does not fit the question" in reply.text()
    liar.answers["GETEX"] = b"$-1\r\n"
    wait_until(lambda: browser.get("/dashboard").status == 302)
    assert greetings() > before


@pytest.mark.parametrize(
    "lie", [LIES[n] for n in ("loading", "integer", "nested", "huge", "cut",
                              "elements", "flood")] +
    [b"*3\r\n:1\r\n:2\r\n:3\r\n", b"*0\r\n", b"*3\r\n$7\r\nmessage\r\n",
     b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n*0\r\n", b"*1\r\n$9\r\nsubscribe\r\n"],
)
def test_a_lie_to_those_who_listen_hurts_nobody(
    stopped_gateway, liar, lie
):
    gateway = stopped_gateway
    liar.answers["SUBSCRIBE"] = lie
    gateway.start()
    wait_until(lambda: len(gateway.workers()) == 2 and
               any(words[0] == b"SUBSCRIBE" for words in liar.seen))
    workers = gateway.workers()
    before = resident(gateway)
    wait_until(
        lambda: sum(words[0] == b"SUBSCRIBE" for words in liar.seen) >= 3 or
        sum(words[0] == b"PING" for words in liar.seen) >= 2
    )
    assert Browser(gateway, API).get("/collections").status == 200
    assert resident(gateway) - before < 24 << 10
    assert gateway.workers() == workers


def test_no_command_goes_out_before_the_greeting(cold, liar):
    liar.answers["ROLE"] = b"*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n+x\r\n:0\r\n"
    cold.start()
    browser = Browser(cold)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 503
    assert "it is a replica" in cold.log()
    assert {words[0] for words in liar.seen} == {b"ROLE"}


def test_a_full_server_is_named(cold, liar):
    def full(peer):
        peer.sendall(b"-ERR max number of clients reached\r\n")
        peer.shutdown(socket.SHUT_RDWR)

    liar.answers["hello"] = full
    cold.start()
    browser = Browser(cold)
    reply = browser.get(browser.authorize(browser.to_provider()))
    assert reply.status == 503
    assert "max number of clients reached" in cold.log()
