# SPDX-License-Identifier: Apache-2.0
"""export and import: what comes back is what was there, also after a run that
was cut short."""
import json
import os
import signal
import subprocess
import time

from azimuthd import program
from conftest import run

POINTS = 1200


def fill(engine, name):
    answer = engine.call("PUT", f"/collections/{name}", {
        "vectors": {"dense": {"size": 4, "distance": "Dot"},
                    "many": {"size": 2, "distance": "Dot",
                             "multivector_config": {
                                 "comparator": "max_sim"}}},
        "sparse_vectors": {"sparse": {}},
        "hnsw_config": {"m": 8}})
    assert answer.status == 200, answer
    points = [{"id": n, "payload": {"n": n, "text": "a\"]}\n\u00e4", "f": 0.1},
               "vector": {"dense": [n, 0.1, -2.5e-7, 1e20],
                          "many": [[1, n], [2, 3]],
                          "sparse": {"indices": [n, 4000000000],
                                     "values": [0.5, 1]}}}
              for n in range(POINTS)]
    points.append({"id": 2**64 - 1, "vector": {}, "payload": {}})
    points.append({"id": "5c56c793-69f3-4fbf-87e6-c4bf54c28c26",
                   "vector": {"dense": [1, 2, 3, 4]}})
    engine.upsert(name, points)
    for field, kind in (("n", "integer"), ("text", "keyword")):
        assert engine.call("PUT", f"/collections/{name}/index?wait=true", {
            "field_name": field, "field_schema": kind}).status == 200


def test_a_collection_comes_back_as_it_was(engine, ctl, tmp_path):
    fill(engine, "whole")
    done = ctl("export", "whole", "--to", tmp_path / "x.jsonl", "--batch", 100)
    assert done.code == 0 and f"{POINTS + 2} points" in done.out, done
    lines = (tmp_path / "x.jsonl").read_text().split("\n")
    assert lines[-1] == "" and len(lines) == POINTS + 5
    assert json.loads(lines[-2]) == {"end": {"points": POINTS + 2}}
    done = ctl("import", tmp_path / "x.jsonl", "--collection", "copy")
    assert done.code == 0 and "new collection" in done.out, done
    both = [engine.scroll_all(name, with_payload=True, with_vector=True)
            for name in ("whole", "copy")]
    assert both[0] == both[1] and len(both[0]) == POINTS + 2
    infos = [engine.call("GET", f"/collections/{name}").result
             for name in ("whole", "copy")]
    assert infos[0]["config"]["params"] == infos[1]["config"]["params"]
    assert infos[0]["config"]["hnsw_config"] == \
        infos[1]["config"]["hnsw_config"]
    assert infos[0]["payload_schema"] == infos[1]["payload_schema"]
    assert not (tmp_path / "x.jsonl.done").exists()


def test_an_export_that_was_cut_goes_on(engine, ctl, tmp_path):
    fill(engine, "cut")
    to = tmp_path / "cut.jsonl"
    assert ctl("export", "cut", "--to", to).code == 0
    whole = to.read_bytes()
    part = tmp_path / "cut.jsonl.part"
    for keep in (0, 10, len(whole) // 3, len(whole) - 40, len(whole) - 1):
        to.unlink()
        part.write_bytes(whole[:keep])
        done = ctl("export", "cut", "--to", to, "--batch", 50)
        if b"{\"end\"" in whole[:keep]:
            done = ctl("export", "cut", "--to", to, "--restart",
                       "--overwrite")
        assert done.code == 0, done
        assert to.read_bytes() == whole, keep
        assert not part.exists()


def test_an_import_that_was_killed_goes_on(engine, ctl, tmp_path):
    fill(engine, "killed")
    to = tmp_path / "k.jsonl"
    assert ctl("export", "killed", "--to", to).code == 0
    engine.call("DELETE", "/collections/killed")
    environment = {**os.environ,
                   "AZIMUTH_URL": f"http://127.0.0.1:{engine.port}"}
    process = subprocess.Popen(
        [str(program().parent / "azimuthctl"), "import", str(to), "--batch",
         "1"], env=environment, stdout=subprocess.DEVNULL)
    done_file = tmp_path / "k.jsonl.done"
    while not done_file.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert done_file.exists()
    done = ctl("import", to)
    assert done.code == 0 and "going on after" in done.err, done
    assert engine.count("killed") == POINTS + 2
    assert "n" in engine.call(
        "GET", "/collections/killed").result["payload_schema"]


def test_what_is_there_is_not_overwritten(engine, ctl, tmp_path):
    engine.create("kept")
    to = tmp_path / "kept.jsonl"
    to.write_text("mine")
    done = ctl("export", "kept", "--to", to)
    assert done.code == 1 and "--overwrite" in done.err
    assert to.read_text() == "mine"
    (tmp_path / "kept.jsonl.part").write_text("something else\n")
    done = ctl("export", "kept", "--to", to, "--overwrite")
    assert done.code == 1 and "--restart" in done.err, done
    done = ctl("export", "kept", "--to", to, "--overwrite", "--restart")
    assert done.code == 0, done


def test_files_that_are_no_export_change_nothing(engine, ctl, tmp_path):
    file = tmp_path / "bad.jsonl"
    head = json.dumps({"azimuth_export": 1, "collection": "bad",
                       "config": {"params": {"vectors": {
                           "size": 2, "distance": "Dot"}}}})
    end = json.dumps({"end": {"points": 1}})
    for text, words in (
            ("", "does not begin as an export"),
            ("nonsense\n", "does not begin as an export"),
            (head, "no end"),
            (head + "\n" + '{"id":1,"vector":[1,2]}\n', "no end"),
            (head.replace("1", "9", 1) + "\n" + end + "\n", "format 9")):
        file.write_text(text)
        done = ctl("import", file)
        assert done.code == 1 and words in done.err, (text, done)
    assert engine.call("GET", "/collections/bad").status == 404
    for text, words in (
            (head + "\n[1]\n" + end + "\n", "line 2 is no JSON object"),
            (head + '\n{"id":1,"vector":[1,2]},{"id":2}\n' + end + "\n",
             "line 2 has more than one"),
            (head + '\n{"id":1,"vector":[1]}\n' + end + "\n",
             "dimension error"),
            (head + "\n" + end + "\n", "its end speaks of 1 points")):
        file.write_text(text)
        done = ctl("import", file, "--restart")
        assert done.code == 1 and words in done.err, (text, done)
    assert engine.count("bad") == 0


def test_lines_of_points_alone(engine, ctl, tmp_path):
    engine.create("lines", 2)
    file = tmp_path / "lines.jsonl"
    file.write_text('{"id":1,"vector":[1,2]}\n\n{"id":2,"vector":[3,4]}')
    done = ctl("import", file, "--collection", "lines", "--partial")
    assert done.code == 0 and engine.count("lines") == 2, done
    # Cut off in the middle of a line, as a kill leaves it.
    file.write_text('{"id":3,"vector":[1,2]}\n{"id":4,"vector":[3')
    done = ctl("import", file, "--collection", "lines", "--restart")
    assert done.code == 1 and "has no end" in done.err, done
    done = ctl("import", file, "--collection", "lines", "--partial",
               "--restart")
    assert done.code == 0 and engine.count("lines") == 3, done
    done = ctl("import", file, "--collection", "nowhere", "--partial")
    assert done.code == 1 and "create it first" in done.err, done


def test_the_key_comes_from_a_file(engine_with_key, tmp_path):
    url = f"http://127.0.0.1:{engine_with_key.port}"
    key = tmp_path / "key"
    done = run("export", "c", "--to", "-", "--url", url)
    assert done.code == 1 and "--api-key-file" in done.err, done
    done = run("export", "c", "--to", "-", "--url", url, "--api-key-file", key)
    assert done.code == 1 and "cannot read" in done.err, done
    key.write_text("secret-of-the-test\n")
    done = run("export", "c", "--to", "-", "--url", url, "--api-key-file", key)
    assert done.code == 1 and "doesn't exist" in done.err, done
    assert "secret-of-the-test" not in done.err + done.out


def test_wrong_command_lines(ctl, tmp_path):
    for arguments in (("export",), ("export", "a", "b", "--to", "x"),
                      ("export", "a"), ("export", "a", "--to", "x", "--batch",
                                        "0"),
                      ("import",), ("nonsense",), (),
                      ("export", "", "--to", "x"),
                      ("export", "a", "--to", "x", "--url", "ftp://h")):
        done = ctl(*arguments, cwd=tmp_path)
        assert done.code == 2, (arguments, done)
    for command in ("export", "import", "doctor", "register"):
        done = ctl(command, "--help")
        assert done.code == 0 and done.out.startswith("usage:"), done
    assert list(tmp_path.iterdir()) == []
