# SPDX-License-Identifier: Apache-2.0
"""Molecule's scenario of bare hosts, on a fresh machine with real parts: the
playbooks converge, change nothing the second time, pass 18_test and remove
what they made. make check-molecule runs it alone."""
import os
import re
import subprocess
import time

import pytest

from bare import PASSWORD
from conftest import ROOT, RUN_SECONDS, keep, recaps
from machine import available

pytestmark = pytest.mark.skipif(
    os.environ.get("AZIMUTH_DEPLOY") != "1" or not available(),
    reason="make check-deploy runs it, as root")


def test_the_scenario_passes(site, environment):
    started = time.monotonic()
    done = subprocess.run(
        ["molecule", "test", "--scenario-name", "default"],
        cwd=ROOT / "ansible", capture_output=True, text=True,
        timeout=RUN_SECONDS, stdin=subprocess.DEVNULL,
        env={**environment, "ADMIN_PASSWORD": PASSWORD,
             "AZIMUTH_INVENTORY": str(site.inventory)})
    out = done.stdout + done.stderr
    said = re.findall(r"^.*default ➜ \w+: .*$",
                      re.sub(r"\x1b\[[0-9;]*m", "", out), re.M)
    for line in said + recaps(out):
        keep(f"molecule: {line.strip()}")
    keep(f"molecule: exit {done.returncode}, "
         f"{time.monotonic() - started:.0f} s")
    assert done.returncode == 0, out[-6000:]
    assert PASSWORD not in out
    converged, again, verified, removed = recaps(out)
    assert "changed=0" not in converged
    assert "changed=0" in again and "changed=0" in verified
    assert "changed=0" not in removed
