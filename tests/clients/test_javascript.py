# SPDX-License-Identifier: Apache-2.0
"""@qdrant/js-client-rest and @qdrant/js-client-grpc. They ask for Node.js 22,
which Debian 12 and 13 lack: it comes with them, as a package of npm's."""
import pytest

import once
import steps

FOLDER = steps.HERE / "javascript"
REST, GRPC = steps.named("javascript/rest.mjs"), \
    steps.named("javascript/grpc.mjs")


@pytest.fixture(scope="module")
def outcome(engine):
    modules = once.npm("javascript", FOLDER)
    nodes = list(modules.glob("node_modules/node-linux-*/bin/node"))
    assert nodes, "npm has no Node.js 22 for this machine"

    def run(script, address):
        return steps.run([nodes[0], FOLDER / script, address],
                         AZIMUTH_MODULES=str(modules))

    return {"rest": run("rest.mjs", f"http://127.0.0.1:{engine.port}"),
            "grpc": run("grpc.mjs", engine.grpc_port)}


@pytest.mark.parametrize("step", REST)
def test_rest(outcome, step):
    assert outcome["rest"][step] is None, outcome["rest"][step]


@pytest.mark.parametrize("step", GRPC)
def test_grpc(outcome, step):
    assert outcome["grpc"][step] is None, outcome["grpc"][step]


def test_no_step_is_left_out(outcome):
    assert (list(outcome["rest"]), list(outcome["grpc"])) == (REST, GRPC)
