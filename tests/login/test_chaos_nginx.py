# SPDX-License-Identifier: Apache-2.0
"""nginx is reloaded, replaced, killed and stopped while many people work and
log in: each of them stays who they are, and nobody is sent away."""

import collections
import os
import shutil
import signal
import time

import pytest

from .crowd import Crowd, Restless, how_many
from .gateway import Browser, Gateway, accepts, wait_until

WORKERS = 4
LOGINS = how_many(120)
# Tokens are refreshed often, and long before anybody would wait for that.
ACCESS_LIFE = 30
LEAST_AGE = 3


def start(gateway, **settings):
    """It waits for its peers: only nginx is in trouble here."""
    gateway.settings.update(
        workers=WORKERS, zone="azimuth_session_zone 1m ttl=6s;",
        http="azimuth_refresh on at=10%;", provider_timeout="10s",
        valkey_options="timeout=20s", **settings
    )
    return gateway.start()


@pytest.fixture
def one(stopped_gateway, valkey):
    start(stopped_gateway)
    wait_until(lambda: valkey.listeners() == WORKERS)
    return stopped_gateway


@pytest.fixture
def both(one, provider, valkey, upstream):
    """Two instances of one site: the same secrets, store and provider."""
    place = one.directory / "second"
    place.mkdir()
    second = Gateway(place, provider, valkey, upstream)
    for name in ("session.key", "client.secret"):
        shutil.copy2(one.directory / name, place)
    start(second)
    wait_until(lambda: valkey.listeners() == 2 * WORKERS)
    yield one, second
    second.stop()


def kill_a_worker(gateway):
    victim = gateway.workers()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: victim not in gateway.workers() and
               len(gateway.workers()) == WORKERS)


def fall(gateway):
    """All of it at once, as a machine does."""
    for pid in (gateway.process.pid, *gateway.workers()):
        os.kill(pid, signal.SIGKILL)
    gateway.process.wait()
    wait_until(lambda: not accepts(gateway.port))


def forgive_kills(gateway):
    """The kills are ours; other alerts are not."""
    lines = [line for line in gateway.log().split("\n")
             if not line.endswith("exited on signal 9")]
    gateway.error_log.write_text("\n".join(lines))


class Refreshes:
    """Answers and notes, for each login, when it was refreshed."""

    def __init__(self, provider):
        self.provider = provider
        self.times = collections.defaultdict(list)

    def keep(self, handler):
        """The token stays good: an answer that a kill loses costs nobody
        the session."""
        provider = self.provider
        token = handler.form["refresh_token"]
        login = provider.refresh_tokens[token]
        provider.send(handler, 200, provider.tokens(login, refresh_token=None))

    def rotate(self, handler):
        login = self.provider.refresh_tokens.get(handler.form["refresh_token"])
        if login is not None:
            self.times[login["sub"]].append(int(time.time()))
        self.provider.refresh_well(handler)

    def repeated(self, times):
        """How many sessions were refreshed so often."""
        return sum(len(seen) >= times for seen in list(self.times.values()))

    def check(self):
        """Once per expiry: in whole seconds, as nginx counts them, one cannot
        come before what the one before it gave was old enough."""
        for sub, times in self.times.items():
            for then, now in zip(times, times[1:]):
                assert now - then >= LEAST_AGE, (sub, times)


def test_reloads_while_people_log_in(one, provider):
    reloads = max(4, LOGINS // 100)
    crowd = Crowd([one], provider, visitors=8)
    with crowd:
        for reload in range(reloads):
            crowd.visited(LOGINS * reload // reloads)
            one.reload()
        crowd.visited(LOGINS)
        crowd.all_pass()
    assert all(person.logins == 1 for person in crowd.people)
    print(f"\n{len(crowd.visits)} logins during {reloads} reloads, "
          f"{sum(p.good for p in crowd.people)} answers of the crowd, "
          "none wrong")


def test_binary_upgrades_while_people_work(stopped_gateway, provider, valkey):
    # What AZIMUTH_WRAP may have set has to reach the new program.
    gateway = start(stopped_gateway, daemon="on",
                    main="env LD_PRELOAD; env ASAN_OPTIONS;")
    wait_until(lambda: valkey.listeners() == WORKERS)
    provider.access_life = ACCESS_LIFE
    refreshes = Refreshes(provider)
    provider.script["/refresh"] = refreshes.rotate
    crowd = Restless([gateway], provider, visitors=4)
    with crowd:
        begun = [Browser(gateway) for _ in range(4)]
        callbacks = [b.authorize(b.to_provider()) for b in begun]
        for _ in range(2):
            visits = len(crowd.visits)
            old = gateway.upgrade()
            try:
                crowd.all_pass()
                old.send_signal(signal.SIGWINCH)
                crowd.all_pass()
            finally:
                old.send_signal(signal.SIGQUIT)
                old.wait(25)
            assert len(gateway.workers()) == WORKERS
            crowd.all_pass()
            crowd.visited(visits + 8)
        for browser, callback in zip(begun, callbacks):
            assert browser.get(callback).status == 302
        wait_until(lambda: crowd.wrong or len(crowd.left) >= 16 and
                   len(provider.refreshes) >= 48, 60)
    assert all(p.logins == 1 for p in crowd.people if p.number % 3)
    refreshes.check()
    assert "open socket" not in gateway.log()


def test_workers_that_are_killed(one, provider, valkey):
    crowd = Crowd([one], provider)
    with crowd:
        crowd.may_break = True
        for _ in range(8):
            kill_a_worker(one)
            crowd.all_pass(1)
        wait_until(lambda: valkey.listeners() == WORKERS)
        crowd.may_break = False
        crowd.all_pass(5)
    assert all(person.logins == 1 for person in crowd.people)
    forgive_kills(one)


@pytest.mark.parametrize("life", [1, 10])
def test_sign_outs_and_refreshes(one, provider, life):
    """Tokens of a second are over already: requests wait for their refresh."""
    provider.access_life = life
    crowd = Restless([one], provider)
    with crowd:
        wait_until(lambda: crowd.wrong or len(crowd.left) >= 48 and
                   len(provider.refreshes) >= 150, 60)
        crowd.all_pass()
    assert all(p.logins == 1 for p in crowd.people if p.number % 3)
    # None of the refresh tokens was used twice.
    assert len(set(provider.refreshes)) == len(provider.refreshes)


# ---- two instances ----------------------------------------------------------

def test_two_instances_that_people_ask_by_turns(both, provider, valkey):
    first, second = both
    provider.access_life = ACCESS_LIFE
    refreshes = Refreshes(provider)
    provider.script["/refresh"] = refreshes.keep
    crowd = Restless([first, second], provider, visitors=2)
    with crowd:
        crowd.may_break = True
        crowd.all_pass()  # nobody is in a sign-out
        for _ in range(4):
            kill_a_worker(second)
            crowd.all_pass(1)
        fall(second)
        crowd.all_pass()
        second.start()
        wait_until(lambda: valkey.listeners() == 2 * WORKERS)
        crowd.may_break = False
        crowd.all_pass()
        provider.script["/refresh"] = refreshes.rotate
        second.reload()
        crowd.all_pass()
        crowd.gateways = [first]
        crowd.all_pass()  # nobody asks the second one
        forgive_kills(second)
        second.stop()
        crowd.all_pass(5)
        second.start()
        wait_until(lambda: valkey.listeners() == 2 * WORKERS)
        crowd.gateways = [first, second]
        crowd.all_pass(5)
        first.reload()
        # A refresh that was killed holds the lock of its session for a while.
        wait_until(lambda: crowd.wrong or len(crowd.left) >= 24 and
                   refreshes.repeated(3) >= 16, 60)
        crowd.all_pass()
    assert all(p.logins == 1 for p in crowd.people if p.number % 3)
    refreshes.check()
    for gateway in both:
        assert all(crowd.is_out(cookie, gateway) for cookie in crowd.left)
