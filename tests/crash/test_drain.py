# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load: requests under way are answered, the exit status is 0,
and everything acknowledged is there afterwards."""
import time

import pytest
import writer

NAME = "drain"
WRITERS = 4


@pytest.mark.parametrize("run", range(5))
def test_sigterm_under_load_drains(engine_factory, run):
    engine = engine_factory().start()
    engine.create(NAME, writer.DIM, "Euclid",
                  hnsw_config={"full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    state = {}
    writers = [writer.Writer(engine, NAME, 1 + i, WRITERS, state)
               for i in range(WRITERS)]
    for thread in writers:
        thread.start()
    time.sleep(0.3 + run * 0.2)
    before = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - before < 30
    for thread in writers:
        thread.join(60)
        assert not isinstance(thread.failed, AssertionError), thread.failed
    assert sum(thread.acknowledged for thread in writers) > 0
    engine.start()
    writer.check(engine, NAME, state)
    writer.check_search(engine, NAME, state)
    assert engine.stop() == 0


def test_idle_connections_do_not_hold_the_end_up(engine_factory):
    engine = engine_factory().start()
    idle = [engine.socket() for _ in range(50)]
    for peer in idle[:25]:
        peer.sendall(b"POST /collections/x/points HTTP/1.1\r\nHost: x\r\n")
    before = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - before < 20
    for peer in idle:
        peer.close()
