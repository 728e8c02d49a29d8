# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks compute from what they measure."""
import numpy as np
import pytest

from measure import (
    bound, curve, families, lid, recall, synthetic, table)


def unit(rows):
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def point(got, qps, **more):
    return {"recall": got, "qps": qps, **more}


# ---- recall ----

BASE = unit([[1, 0], [1, 0], [1, 0.1], [0, 1]])
QUERY = unit([[1, 0]])


def kth(k):
    return recall.nearest(BASE, QUERY, 4)[:, k - 1]


def test_equal_points_are_equally_right():
    assert recall.recall([[0]], BASE, QUERY, kth(1)) == 1
    assert recall.recall([[1]], BASE, QUERY, kth(1)) == 1
    assert recall.recall([[2]], BASE, QUERY, kth(1)) == 0


def test_an_id_that_comes_twice_counts_once():
    assert recall.recall([[0, 0]], BASE, QUERY, kth(2)) == 0.5


def test_a_wrong_id_that_comes_twice_takes_nothing_away():
    assert recall.recall([[0, 3, 3]], BASE, QUERY, kth(3)) == pytest.approx(
        1 / 3)


def test_missing_and_impossible_ids_are_wrong():
    assert recall.recall([[0, -1, 4, -1]], BASE, QUERY, kth(4)) == 0.25


def test_neighbours_are_the_same_in_one_block_and_in_many(monkeypatch):
    rng = np.random.default_rng(1)
    base = unit(rng.standard_normal((5000, 8)))
    queries = unit(rng.standard_normal((30, 8)))
    whole = recall.nearest(base, queries, 20)
    monkeypatch.setattr(recall, "BLOCK_BYTES", 1)
    np.testing.assert_allclose(recall.nearest(base, queries, 20), whole,
                               atol=1e-6)
    np.testing.assert_allclose(
        whole[0], np.sort(base @ queries[0])[::-1][:20], atol=1e-6)


# ---- curves ----

CURVE = [point(0.9, 1000.0, visits=100.0), point(0.98, 100.0, visits=800.0)]


def test_a_curve_is_read_between_points_by_the_logarithm():
    assert curve.at_recall(CURVE, 0.94) == pytest.approx(1000 / 10**0.5)
    assert curve.at_recall(CURVE, 0.98) == pytest.approx(100)
    assert curve.at_recall(CURVE, 0.94, "visits") == pytest.approx(
        (100 * 800) ** 0.5)


def test_a_curve_is_not_continued_beyond_its_ends():
    assert curve.at_recall(CURVE, 0.99) is None
    assert curve.at_recall(CURVE, 0.5) == 1000
    assert curve.at_recall([], 0.5) is None


def test_points_that_another_beats_are_not_on_the_frontier():
    points = CURVE + [point(0.95, 90.0), point(0.9, 500.0)]
    assert curve.frontier(points) == CURVE


def test_build_time_to_equal_recall_lies_between_two_builds():
    builds = [(10.0, [point(0.9, 1, ef=64)]), (20.0, [point(1.0, 1, ef=64)])]
    assert curve.build_to_recall(builds, 0.95, 64) == pytest.approx(15)
    assert curve.build_to_recall(builds, 0.8, 64) == 10
    assert curve.build_to_recall(builds, 1.0, 64) == 20
    assert curve.build_to_recall(builds[:1], 0.95, 64) is None
    assert curve.build_to_recall(builds, 0.95, 32) is None


# ---- difficulty ----

@pytest.mark.parametrize("dim", [3, 8])
def test_lid_of_a_uniform_ball_is_its_dimension(dim):
    rng = np.random.default_rng(2)
    # A small patch of the sphere in dim + 1 coordinates is flat: dim.
    rows = np.ones((400_000, dim + 1), np.float32)
    rows[:, 1:] = rng.uniform(-0.2, 0.2, (400_000, dim))
    rows = unit(rows)
    centre = unit([[1] + [0] * dim])
    found = lid.from_similarities(recall.nearest(rows, centre, 1000))
    assert found[0] == pytest.approx(dim, rel=0.1)


def test_lid_of_nothing_but_duplicates_is_unknown():
    assert np.isnan(lid.from_similarities(np.ones((1, 100)))[0])
    assert lid.summary(np.array([np.nan])) is None


def test_a_made_set_is_the_same_each_time_and_has_duplicates():
    first, second = (synthetic.Mixture(4000, 16, 0.5, 0.7) for _ in range(2))
    rows = np.concatenate(list(first.chunks()))
    np.testing.assert_array_equal(rows, np.concatenate(list(second.chunks())))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert len(np.unique(rows, axis=0)) < 0.99 * len(rows)
    queries = first.queries(50)
    assert queries.shape == (50, 16)
    assert (queries @ rows.T).max() < 1 - 1e-6


# ---- bounds and tables ----

def test_the_bound_charges_each_row_once_by_what_is_slower():
    counters = {"visits": 100, "rescored": 10, "hops": 5, "code_bytes": 192,
                "row_bytes": 1536, "link_bytes": 128}
    times = {192: {"row": 6.0, "code4": 4.0, "code8": 9.0, "floats": 9.0},
             1536: {"row": 60.0, "code4": 9.0, "code8": 9.0, "floats": 90.0}}
    assert bound.lower(counters, times) == 600 + 900
    counters["code_bytes"] = 384
    times[384] = {"row": 6.0, "code4": 4.0, "code8": 8.0, "floats": 9.0}
    assert bound.lower(counters, times) == 800 + 900
    assert bound.touched(counters) == 38400 + 15360 + 640


def test_of_two_measurements_the_smaller_counts():
    a = {64: {"row": 2.0, "floats": 5.0}}
    b = {64: {"row": 3.0, "floats": 4.0}}
    assert bound.least(a, b) == {64: {"row": 2.0, "floats": 4.0}}
    assert bound.least(a, {}) == a


def test_a_ratio_without_a_figure_is_a_dash():
    assert table.ratio(None, 1) == "-"
    assert table.ratio(1, 0) == "-"
    assert table.ratio(3, 2) == "1.50"


def test_columns_are_as_wide_as_their_widest_cell():
    assert table.text(["a", "bb"], [["long", 1]]) == "a     bb\nlong   1"


# ---- filters ----

@pytest.mark.parametrize("count", [400, 5000])
def test_each_query_of_a_small_set_has_points_that_pass(count):
    class Small:
        name = "small"
        base = unit(np.random.default_rng(1).normal(size=(count, 8)))
        queries = base[:20]

    _, made = families.make(Small, 20)
    assert {family.group for family in made} >= {"tenants", "far"}
    for family in made:
        assert all(mask.any() for mask in family.masks), family.name
