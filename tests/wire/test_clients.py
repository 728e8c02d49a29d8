# SPDX-License-Identifier: Apache-2.0
"""clients/scenario.py run with the public Python client, the oldest and the
newest that we serve, over REST and over gRPC."""
import re

import pytest

from client_package import CLIENTS, TRANSPORTS, run_steps

STEPS = re.findall(r"def (step_\w+)", (CLIENTS / "scenario.py").read_text())


@pytest.fixture(scope="module", params=TRANSPORTS)
def outcome(request, engine):
    """{step: null or traceback}"""
    return run_steps(engine, "scenario.py", request.param)


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert list(outcome) == STEPS
