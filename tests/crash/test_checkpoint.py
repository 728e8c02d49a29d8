# SPDX-License-Identifier: Apache-2.0
"""The graph checkpoint is a cache: flipped bits, cut files and missing files
cost a rebuild that is reported, and never a point."""
import random

import pytest
import writer

NAME = "graph"
POINTS = 2000


@pytest.fixture
def engine(engine_factory):
    engine = engine_factory().start()
    engine.create(NAME, writer.DIM, "Euclid",
                  hnsw_config={"full_scan_threshold": 10},
                  optimizers_config={"indexing_threshold": 1})
    for at in range(0, POINTS, 500):
        engine.upsert(NAME, [writer.point_of(id, 1)
                             for id in range(at, at + 500)])
    engine.wait_green(NAME)
    assert engine.stop() == 0
    return engine


def checkpoints(engine):
    """The graphs, one file for each vector name."""
    found = [path for path in (engine.folder / "storage").rglob("*")
             if path.is_file() and path.stat().st_size > 0 and
             path.name.startswith("graph-")]
    assert found, [str(p) for p in (engine.folder / "storage").rglob("*")]
    return found


def check_whole(engine):
    engine.start()
    state = {id: {1} for id in range(POINTS)}
    writer.check_search(engine, NAME, state)
    assert writer.check(engine, NAME, state) == POINTS
    engine.wait_green(NAME)
    writer.check_search(engine, NAME, state)
    assert engine.stop() == 0


def test_a_good_checkpoint_is_taken(engine):
    mark = len(engine.log_path.read_text())
    check_whole(engine)
    text = engine.log_path.read_text()[mark:].lower()
    assert "no usable checkpoint" not in text, text


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_found(engine, seed):
    numbers = random.Random(seed)
    path = numbers.choice(checkpoints(engine))
    data = bytearray(path.read_bytes())
    at = numbers.randrange(len(data)) if seed else 0
    data[at] ^= 1 << numbers.randrange(8)
    path.write_bytes(data)
    mark = len(engine.log_path.read_text())
    check_whole(engine)
    text = engine.log_path.read_text()[mark:].lower()
    assert "no usable checkpoint" in text, text


@pytest.mark.parametrize("part", [0, 0.001, 0.5, 0.999])
def test_a_cut_checkpoint_is_found(engine, part):
    for path in checkpoints(engine):
        data = path.read_bytes()
        path.write_bytes(data[:int(len(data) * part)])
    mark = len(engine.log_path.read_text())
    check_whole(engine)
    assert "no usable checkpoint" in engine.log_path.read_text()[mark:].lower()


def test_a_missing_checkpoint_is_rebuilt(engine):
    for path in checkpoints(engine):
        path.unlink()
    check_whole(engine)


def test_an_old_checkpoint_is_brought_up_to_date(engine):
    """The checkpoint of before, the data of after: newer points are linked,
    deleted ones stay away."""
    old = {path: path.read_bytes() for path in checkpoints(engine)}
    engine.start()
    engine.upsert(NAME, [writer.point_of(id, 2) for id in range(0, 100)])
    engine.upsert(NAME, [writer.point_of(id, 1)
                         for id in range(POINTS, POINTS + 100)])
    engine.call("POST", f"/collections/{NAME}/points/delete?wait=true",
                {"points": list(range(100, 200))})
    engine.kill()
    for path, data in old.items():
        path.write_bytes(data)
    engine.start()
    state = {id: {1} for id in range(POINTS + 100)}
    state.update({id: {2} for id in range(100)})
    state.update({id: {None} for id in range(100, 200)})
    writer.check_search(engine, NAME, state)
    assert writer.check(engine, NAME, state) == POINTS
    engine.wait_green(NAME)
    writer.check_search(engine, NAME, state)
    assert engine.stop() == 0
