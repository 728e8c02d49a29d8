# SPDX-License-Identifier: Apache-2.0
"""Answers beside those of another engine: see test_filters_of_edge.py."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent /
                       "fixture"))

from one_engine import engine  # noqa: E402, F401
