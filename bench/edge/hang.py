# SPDX-License-Identifier: Apache-2.0
"""What users of the open host notice while Valkey or the provider hangs: their
99th percentile, beside the same traffic with both in good health."""

import asyncio
import signal
import threading

from login.provider import hang

from .stage import API, DASHBOARD, Browser, Stage, alternate, load
from .table import Ratios

VISITORS = 64   # with a session that only Valkey knows
CALLBACKS = 32  # on their way to the token endpoint
PAUSE_S = 0.25  # between two requests of a visitor


class Visitors:
    """Dashboard traffic from a thread of its own, as a context."""

    def __init__(self, port, cookie, callbacks):
        self.port = port
        self.requests = [("/dashboard", cookie, True)] * VISITORS
        self.requests += [(target, cookies, False)
                          for target, cookies in callbacks]

    async def visit(self, target, cookie, again):
        text = (f"GET {target} HTTP/1.1\r\nHost: {DASHBOARD}\r\n"
                f"Accept: text/html\r\nCookie: {cookie}\r\n\r\n").encode()
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1",
                                                           self.port)
            writer.write(text)
            await reader.read(1)
            writer.close()
            if not again:
                return
            await asyncio.sleep(PAUSE_S)

    async def main(self):
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self.ready.set()
        tasks = [asyncio.create_task(self.visit(*one))
                 for one in self.requests]
        await self.ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self):
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.main()))
        self.thread.start()
        self.ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join()


def callbacks_of(stage):
    found = []
    for _ in range(CALLBACKS):
        browser = Browser(stage.gateway)
        target = browser.authorize(browser.to_provider())
        found.append((target, "; ".join(
            f"{k}={v}" for k, v in browser.cookies.items())))
    return found


def rows(runs, seconds):
    with Stage(workers=1, zone="azimuth_session_zone off;",
               provider_timeout="10s",
               valkey_options="timeout=10s") as stage:
        cookie = stage.cookie()
        valkey = stage.valkey.process

        def well():
            with Visitors(stage.gateway.port, cookie, callbacks_of(stage)):
                return load(stage.gateway.port, stage.gateway.process.pid,
                            {"Host": API}, seconds=seconds)

        def frozen():
            callbacks = callbacks_of(stage)
            valkey.send_signal(signal.SIGSTOP)
            try:
                with Visitors(stage.gateway.port, cookie, callbacks):
                    return load(stage.gateway.port, stage.gateway.process.pid,
                                {"Host": API}, seconds=seconds)
            finally:
                valkey.send_signal(signal.SIGCONT)

        def hung():
            callbacks = callbacks_of(stage)
            stage.provider.script["/token"] = hang
            try:
                with Visitors(stage.gateway.port, cookie, callbacks):
                    return load(stage.gateway.port, stage.gateway.process.pid,
                                {"Host": API}, seconds=seconds)
            finally:
                del stage.provider.script["/token"]
        got = alternate({"well": well, "frozen": frozen, "hung": hung},
                        runs)
    return [Ratios("open host while Valkey is frozen", got["frozen"],
                   got["well"]),
            Ratios("open host while the provider hangs", got["hung"],
                   got["well"])]
