# SPDX-License-Identifier: Apache-2.0
"""Many users who ask all the time, and look at every answer they get."""

import http.client
import itertools
import threading
import time
import urllib.parse

from .gateway import API, COOKIE, HTML, SCRIPT, Browser, wait_until

NETWORK = (OSError, http.client.HTTPException)


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
        browser, user = Browser(self.crowd.gateway), next(self.names)
        status = login_as(browser, self.crowd.provider, user)
        if status != 302:
            self.crowd.judge(self, status)
            return False
        self.browser, self.user = browser, user
        self.logins += 1
        return True

    def ask(self, turn):
        headers = dict(SCRIPT if turn % 2 else HTML)
        headers["Cookie"] = f"{COOKIE}={self.browser.cookies[COOKIE]}"
        reply = self.browser.get(f"/{self.number}/{turn}", headers)
        if reply.status == 200:
            seen = reply.json()
            told = [v for k, v in seen["headers"]
                    if k == "x-auth-request-user"]
            if told != [self.user] or seen["target"] != f"/{self.number}/{turn}":
                self.crowd.wrong.append((self.user, turn, seen))
            self.good += 1
            return
        self.crowd.judge(self, reply.status, reply)
        if reply.status in (302, 401):
            while not self.crowd.is_over.is_set() and not self.arrive():
                time.sleep(0.1)

    def sign_out(self):
        """And in again, as another user; the old cookie is kept."""
        old = Browser(self.crowd.gateway)
        old.cookies = dict(self.browser.cookies)
        self.browser.sign_out()
        assert self.arrive()
        return old


class Crowd:
    """`allowed`: the statuses that people may get besides 200 for now;
    `may_break`: whether connections may be cut."""

    def __init__(self, gateway, provider, people=48):
        self.gateway = gateway
        self.provider = provider
        self.allowed = set()
        self.may_break = False
        self.wrong = []
        self.seen = {}  # status -> how often, those that were allowed
        self.opened = 0  # answers of the open host
        provider.subs = itertools.count()  # a login may say whose it is
        self.is_over = threading.Event()
        self.count = people

    def __enter__(self):
        self.people = [Person(self, i) for i in range(self.count)]
        asks = [self.ask_as(person) for person in self.people]
        self.threads = [
            threading.Thread(target=self.live, args=(ask,), daemon=True)
            for ask in [*asks, self.ask_openly, self.ask_openly]
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

    def ask_openly(self, turn):
        reply = Browser(self.gateway, API).get(f"/open/{turn}")
        if reply.status != 200 or b"x-auth-request-user" in reply.body:
            self.wrong.append(("open", reply.status, reply.body[:200]))
        self.opened += 1

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

    def judge(self, person, status, reply=None):
        self.seen[status] = self.seen.get(status, 0) + 1
        if status not in self.allowed:
            text = reply.body[:300] if reply else "login"
            self.wrong.append((person.user, status, text))

    def check(self):
        assert not self.wrong, (len(self.wrong), self.wrong[:3])

    def all_pass(self, times=2):
        """Everybody, and the open host, gets `times` answers from now on."""
        before = [person.good for person in self.people]
        opened = self.opened
        wait_until(lambda: self.wrong or self.opened >= opened + times and all(
            person.good >= good + times
            for person, good in zip(self.people, before)
        ), 30)
        self.check()
