# SPDX-License-Identifier: Apache-2.0
"""langchain-qdrant and llama-index-vector-stores-qdrant with the latest Python
client, each over REST and over gRPC."""
import functools

import pytest

import once
import steps

FOLDER = steps.HERE / "python"
LIBRARIES = ("langchain", "llama_index")
TRANSPORTS = ("rest", "grpc")
STEPS = [(library, step) for library in LIBRARIES
         for step in steps.named(f"python/{library}_steps.py")]


@pytest.fixture(scope="module")
def outcome(engine):
    """outcome(library, transport): {step: null or traceback}"""
    python = once.venv("frameworks", FOLDER / "requirements.txt")

    @functools.cache
    def run(library, transport):
        return steps.run([python, FOLDER / f"{library}_steps.py", engine.port,
                          engine.grpc_port, transport])

    return run


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("library, step", STEPS)
def test_library(outcome, library, step, transport):
    done = outcome(library, transport)
    assert done[step] is None, done[step]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_no_step_is_left_out(outcome, library, transport):
    assert [(library, step) for step in outcome(library, transport)] == \
        [pair for pair in STEPS if pair[0] == library]
