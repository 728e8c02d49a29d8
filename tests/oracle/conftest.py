# SPDX-License-Identifier: Apache-2.0
"""Answers beside those of another engine: see test_filters_of_edge.py."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from one_engine import engine  # noqa: E402, F401
from tally import Part, Tally  # noqa: E402

TALLY = Tally()


@pytest.fixture(scope="session")
def tally():
    return TALLY


@pytest.fixture
def part(tally):
    """The comparisons of one test, which goes on after a difference."""
    part = Part(tally)
    yield part
    part.end()


def pytest_terminal_summary(terminalreporter):
    for line in TALLY.show():
        terminalreporter.write_line(line)
