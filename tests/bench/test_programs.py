# SPDX-License-Identifier: Apache-2.0
"""One small run of each program: that it ends, and that what it says about
ours can be true. Peers are not installed here; no figure is judged."""
import json
import subprocess
import sys

import pytest

from conftest import ROOT


# gateway.py runs behind gateway.sh, which has the help.
@pytest.mark.parametrize("name", sorted(
    path.stem for path in (ROOT / "bench").glob("*.py")
    if not path.with_suffix(".sh").exists()))
def test_help_needs_nothing_that_is_not_in_python(name):
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / "bench" / f"{name}.py"), "--help"],
        capture_output=True, text=True)
    assert done.returncode == 0 and f"bench {name}" in done.stdout


def test_search_of_a_tiny_set(run_bench):
    said = run_bench("search", "--sets", "tiny", "--peers", "none", "--rounds",
                     "1", "--ef", "10,64", "--queries", "200")
    assert "time / bound" in said and "LID" in said
    figures = json.loads((run_bench.out / "search-tiny-2t.json").read_text())
    best = max(point["recall"] for engine in figures["engines"]
               for point in engine["curve"])
    assert best > 0.95


def test_sets_can_be_made_before_a_run(run_bench):
    assert run_bench("search", "--prepare", "--sets", "tiny", "--peers",
                     "none", "--queries", "150") == ""
    assert list(run_bench.cache.glob("bench-data/tiny-*/truth.npz"))


def test_ingest_of_a_tiny_set(run_bench):
    said = run_bench("ingest", "--set", "tiny", "--peers", "none", "--points",
                     "2000", "--singles", "20", "--clients", "2",
                     "--single-clients", "4", "--rounds", "1")
    assert "2000 a request" not in said and "4 client(s)" in said
    runs = json.loads((run_bench.out / "ingest-tiny.json").read_text())["runs"]
    assert {run["engine"] for run in runs} == {"azimuth HTTP",
                                               "azimuth in process"}


def test_churn_of_a_tiny_set(run_bench):
    said = run_bench("churn", "--set", "tiny", "--peers", "none", "--seconds",
                     "1", "--queries", "100")
    assert "10 at a time" in said and "1 at a time" in said
    steps = json.loads((run_bench.out / "churn-tiny.json").read_text())[
        "engines"]["azimuth"]
    recalls = [s["recall"] for s in steps if "recall" in s]
    assert min(recalls) > 0.9
    assert [s["replaced"] for s in steps if s["step"] == "end"] == [1]
    assert {s["step"] for s in steps} >= {"idle", "writing",
                                          "writing_single", "fresh"}
    assert all(s["upserts_per_s"] > 0 for s in steps if "batch" in s)


def test_recover_of_a_tiny_set(run_bench):
    run_bench("recover", "--set", "tiny", "--engines", "azimuth,azimuthd",
              "--settle", "1")
    engines = json.loads((run_bench.out / "recover-tiny.json").read_text())[
        "engines"]
    assert engines["azimuth"]["after"]["recall"] > 0.9
    assert engines["azimuthd"]["after"]["first_answer_s"] > 0


def test_snapshot_of_a_tiny_set(run_bench):
    run_bench("snapshot", "--set", "tiny", "--payload", "100", "--rounds", "1",
              "--idle", "0.2")
    figures = json.loads((run_bench.out / "snapshot-tiny.json").read_text())[
        "figures"]
    assert {"cp", "cp and sync", "snapshot", "restore", "idle"} == set(figures)
    assert all(row["median_s"] > 0 for row in figures.values())


def test_index_of_a_few_points(run_bench):
    said = run_bench("index", "--points", "3000", "--peers", "none",
                     "--rounds", "1")
    assert "section (keyword)" in said and "number (integer)" in said
    result = json.loads((run_bench.out / "index.json").read_text())
    assert {row["payloads"] for row in result["speed"]} == {"on disk",
                                                            "in memory"}
    assert all(row["points_per_cpu_s"] > 0 for row in result["speed"])
    assert all(size >= 0 for size in result["memory"].values())


def test_serve_of_a_tiny_set(run_bench):
    said = run_bench("serve", "--set", "tiny", "--rounds", "1", "--upload",
                     "skip", "--milliseconds", "100", "--connections", "1,4")
    assert "rest, filter, payload" in said and "decoding of upserts" in said
    result = json.loads((run_bench.out / "serve-tiny.json").read_text())
    assert {(row["protocol"], row["connections"]) for row in result["runs"]} \
        == {("rest", 1), ("rest", 4), ("grpc", 1), ("grpc", 4)}
    assert all(row["qps"] > 0 and row["server_cpu_us"] > 0
               for row in result["runs"])
    assert all(row["documents"] == 0 and row["mb_per_cpu_s"] > 0
               for row in result["decode"])


def test_many_collections(run_bench):
    said = run_bench("many", "--collections", "20", "--scrapes", "3")
    assert "scrape" in said and "start to ready" in said
    result = json.loads((run_bench.out / "many.json").read_text())
    created, rested = result["steps"][1:3]
    assert rested["files"] < created["files"]
    assert rested["disk_mb"] < created["disk_mb"]
