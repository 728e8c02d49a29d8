# SPDX-License-Identifier: Apache-2.0
"""The crate qdrant-client."""
import os
import shutil

import pytest

import once
import steps

SOURCE = steps.HERE / "rust"
STEPS = steps.named("rust/src/main.rs")


def built():
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.fail("no cargo: apt-get install rustc-web cargo-web", False)

    def make(folder):
        once.fetch("the Rust client", [cargo, "build", "--locked", "--quiet"],
                   "cargo reads its registry from its config.toml; rustc has "
                   "to be 1.88 or later, as rustc-web is", cwd=SOURCE,
                   env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
        # What it was built from is large and not needed again.
        for part in ("deps", "build", ".fingerprint"):
            shutil.rmtree(folder / "debug" / part, ignore_errors=True)

    parts = [SOURCE / "Cargo.lock", SOURCE / "Cargo.toml",
             *sorted(SOURCE.glob("src/*.rs"))]
    return once.once("rust", parts, make) / "debug" / "clients"


@pytest.fixture(scope="module")
def outcome(engine):
    return steps.run([built(), engine.grpc_port])


@pytest.mark.parametrize("step", STEPS)
def test_client(outcome, step):
    assert outcome[step] is None, outcome[step]


def test_no_step_is_left_out(outcome):
    assert sorted(outcome) == sorted(STEPS)
