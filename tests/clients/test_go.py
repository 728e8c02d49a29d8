# SPDX-License-Identifier: Apache-2.0
"""github.com/qdrant/go-client."""
import pytest

import go_programs
import steps

STEPS = steps.named("go/steps.go")


@pytest.fixture(scope="module")
def outcome(engine):
    return steps.run([go_programs.built() / "clients", engine.grpc_port])


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert sorted(outcome) == sorted(STEPS)
