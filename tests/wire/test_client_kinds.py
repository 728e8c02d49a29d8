# SPDX-License-Identifier: Apache-2.0
"""clients/kinds.py, as test_clients.py runs clients/scenario.py."""
import re

import pytest

from client_package import CLIENTS, TRANSPORTS, run_steps

STEPS = re.findall(r"def (step_\w+)", (CLIENTS / "kinds.py").read_text())


@pytest.fixture(scope="module", params=TRANSPORTS)
def outcome(request, engine):
    """{step: null or traceback}"""
    return run_steps(engine, "kinds.py", request.param)


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert list(outcome) == STEPS
