# SPDX-License-Identifier: Apache-2.0
"""Many users who ask all the time, and look at every answer they get."""

import functools
import http.client
import itertools
import os
import threading
import time
import urllib.parse

from .gateway import (
    API, COOKIE, DASHBOARD, HTML, SCRIPT, Browser, wait_until,
)

NETWORK = (OSError, http.client.HTTPException)


def how_many(few):
    """How many logins a test makes: few in the suite, more by hand."""
    return int(os.environ.get("AZIMUTH_CHAOS_LOGINS", few))


def login_as(browser, provider, user):
    """One login; the status of its callback. The user is settled before the
    gateway sees the code, so that nothing it says is needed to know it."""
    reply = browser.get("/oauth2/start?rd=/dashboard")
    if reply.status != 302:
        return reply.status
    callback = browser.authorize(reply.get("location"))
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(callback).query)
    provider.codes[query["code"][0]]["sub"] = user
    return browser.get(callback).status


class Turns:
    """In the place of a gateway: each request goes to the next instance."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.turns = itertools.count()

    @property
    def port(self):
        gateways = self.crowd.gateways
        return gateways[next(self.turns) % len(gateways)].port


class Person:
    """One user with one session."""

    def __init__(self, crowd, number):
        self.crowd = crowd
        self.number = number
        self.names = (f"person-{number}-{i}" for i in itertools.count())
        self.logins = 0
        self.good = 0  # answers of 200
        self.arrive()

    def arrive(self):
        """A login as somebody who was never here; says whether it worked."""
        browser, user = self.crowd.browser(), next(self.names)
        status = login_as(browser, self.crowd.provider, user)
        if status != 302:
            self.crowd.judge(self, status)
            return False
        self.browser, self.user = browser, user
        self.logins += 1
        return True

    def ask(self, turn):
        # In pairs, so that each instance gets both kinds.
        headers = dict(SCRIPT if turn // 2 % 2 else HTML)
        headers["Cookie"] = f"{COOKIE}={self.browser.cookies[COOKIE]}"
        reply = self.browser.get(f"/{self.number}/{turn}", headers)
        if reply.status == 200:
            self.crowd.know(reply, self.user, f"/{self.number}/{turn}")
            self.good += 1
            return
        self.crowd.judge(self, reply.status, reply)
        if reply.status in (302, 401):
            while not self.crowd.is_over.is_set() and not self.arrive():
                time.sleep(0.1)

    def sign_out(self):
        """And in again, as another user; the old cookie is returned."""
        old = self.browser.cookies[COOKIE]
        self.browser.sign_out()
        assert self.arrive()
        return old


class Crowd:
    """`allowed`: the statuses that people may get besides 200 for now;
    `may_break`: whether connections may be cut; `visitors`: how many log in
    all the time, look at one page and go; `gateways`: the instances that are
    asked, by turns, which a test may replace."""

    def __init__(self, gateways, provider, people=48, visitors=0):
        self.gateways = gateways
        self.gateway = gateways[0]
        self.provider = provider
        self.allowed = set()
        self.may_break = False
        self.wrong = []
        self.seen = {}  # status -> how often, those that were allowed
        self.opened = [0, 0]  # answers of the open host
        self.visits = []  # users whose visit went well
        provider.subs = itertools.count()  # a login may say whose it is
        self.is_over = threading.Event()
        self.count = people
        self.visitors = visitors

    def browser(self, host=DASHBOARD):
        return Browser(Turns(self), host)

    def __enter__(self):
        self.people = [Person(self, i) for i in range(self.count)]
        asks = [self.ask_as(person) for person in self.people]
        asks += [functools.partial(self.ask_openly, i)
                 for i in range(len(self.opened))]
        asks += [functools.partial(self.visit, i)
                 for i in range(self.visitors)]
        self.threads = [
            threading.Thread(target=self.live, args=(ask,), daemon=True)
            for ask in asks
        ]
        for thread in self.threads:
            thread.start()
        try:
            self.all_pass()
        except BaseException:
            self.is_over.set()
            raise
        return self

    def __exit__(self, kind, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        if kind is None:
            self.check()

    def ask_as(self, person):
        return person.ask

    def ask_openly(self, number, turn):
        reply = self.browser(API).get(f"/open/{turn}")
        if reply.status != 200 or b"x-auth-request-user" in reply.body:
            self.wrong.append(("open", reply.status, reply.body[:200]))
        self.opened[number] += 1

    def visit(self, number, turn):
        browser, user = self.browser(), f"visitor-{number}-{turn}"
        status = login_as(browser, self.provider, user)
        assert status == 302, status
        reply = browser.get(f"/seen/{turn}")
        assert reply.status == 200, (reply.status, reply.text())
        self.know(reply, user, f"/seen/{turn}")
        self.visits.append(user)

    def live(self, ask):
        for turn in itertools.count():
            if self.is_over.wait(0.05):
                return
            try:
                ask(turn)
            except NETWORK as error:
                if not self.may_break:
                    self.wrong.append((ask, repr(error)))
            except Exception as error:
                self.wrong.append((ask, repr(error)))
                raise

    def know(self, reply, user, target):
        """The upstream was told of `user` and nobody else."""
        seen = reply.json()
        told = [v for k, v in seen["headers"] if k == "x-auth-request-user"]
        if told != [user] or seen["target"] != target:
            self.wrong.append((user, target, seen))

    def judge(self, person, status, reply=None):
        self.seen[status] = self.seen.get(status, 0) + 1
        if status not in self.allowed:
            text = reply.body[:300] if reply else "login"
            self.wrong.append((person.user, status, text))

    def check(self):
        assert not self.wrong, (len(self.wrong), self.wrong[:3])

    def all_pass(self, times=2):
        """Everybody, and the open host, gets `times` answers from now on."""
        def answers():
            return [*(person.good for person in self.people), *self.opened]

        before = answers()
        wait_until(lambda: self.wrong or all(
            now >= then + times for now, then in zip(answers(), before)
        ), 60)
        self.check()

    def visited(self, count):
        """So many visits went well."""
        wait_until(lambda: self.wrong or len(self.visits) >= count,
                   60 + count / 2)
        self.check()


class Restless(Crowd):
    """Every third user signs out every now and then and comes as another."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.left = []  # cookies of those who signed out

    def ask_as(self, person):
        if person.number % 3:
            return person.ask
        return lambda turn: self.ask_or_leave(person, turn)

    def ask_or_leave(self, person, turn):
        if turn % 8 != 7 or self.may_break:
            return person.ask(turn)
        left = person.sign_out()
        for gateway in self.gateways:
            wait_until(lambda g=gateway: self.is_out(left, g))
        self.left.append(left)

    @staticmethod
    def is_out(cookie, gateway):
        headers = {**HTML, "Cookie": f"{COOKIE}={cookie}"}
        return Browser(gateway).get("/dashboard", headers).status == 302
