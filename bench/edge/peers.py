# SPDX-License-Identifier: Apache-2.0
"""A logged-in request: the module beside plain nginx and beside Apache with
mod_auth_openidc, all before one upstream, in one run."""

from . import apache
from .stage import DASHBOARD, PLAIN, Stage, alternate, load
from .table import Ratios

HTML = {"Accept": "text/html"}


def own_cost(runs, seconds):
    """Warm and from the store each time, against plain proxy_pass."""
    rows = []
    for name, zone in (
        ("warm session", "azimuth_session_zone 8m;"),
        ("read from the store each time", "azimuth_session_zone off;"),
    ):
        with Stage(workers=1, zone=zone) as stage:
            cookie = stage.cookie()

            def way(host):
                return lambda: load(
                    stage.gateway.port, stage.gateway.process.pid,
                    {**HTML, "Host": host, "Cookie": cookie}, seconds=seconds)
            got = alternate({"plain": way(PLAIN), "ours": way(DASHBOARD)},
                            runs)
        rows.append(Ratios(f"{name} to plain nginx", got["ours"],
                           got["plain"]))
    return rows


def beside_apache(runs, seconds):
    """The same against mod_auth_openidc, each with two workers or more."""
    rows = []
    for name, zone, cache in (
        ("in shared memory", "azimuth_session_zone 8m;", "shm"),
        ("with the store behind", "azimuth_session_zone off;", "redis"),
    ):
        with Stage(workers=2, zone=zone) as stage:
            peer = apache.Apache(stage, cache)
            try:
                ours = {**HTML, "Host": DASHBOARD, "Cookie": stage.cookie()}
                theirs = {**HTML, "Host": f"{DASHBOARD}:{peer.port}",
                          "Cookie": peer.cookie()}
                pid = stage.gateway.process.pid
                got = alternate({
                    "ours": lambda: load(stage.gateway.port, pid, ours,
                                         seconds=seconds),
                    "theirs": lambda: load(peer.port, peer.process.pid,
                                           theirs, seconds=seconds),
                    "apache": lambda: load(peer.plain_port, peer.process.pid,
                                           theirs, seconds=seconds),
                }, runs)
            finally:
                peer.stop()
        rows.append(Ratios(f"ours to mod_auth_openidc, {name}", got["ours"],
                           got["theirs"]))
        rows.append(Ratios(f"mod_auth_openidc to plain Apache, {name}",
                           got["theirs"], got["apache"]))
    return rows
