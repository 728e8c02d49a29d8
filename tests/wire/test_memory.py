# SPDX-License-Identifier: Apache-2.0
"""Memory: the report against /proc, the limit, the budget of requests."""
import random
import re
import threading
import time

import packages
import pytest

POINTS = 20000


def resident(engine):
    text = open(f"/proc/{engine.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024


def load_real(engine, name, count):
    engine.call("PUT", f"/collections/{name}",
                {"vectors": {"size": 384, "distance": "Cosine"}}).result
    whole = packages.whole()
    if whole is None:
        for body in packages.sample_bodies():
            engine.call("PUT", f"/collections/{name}/points?wait=true",
                        body).result
        return
    vectors, payloads = whole
    for begin in range(0, count, 1000):
        points = [{"id": i, "vector": vectors[i].tolist(),
                   "payload": payloads[i]}
                  for i in range(begin, begin + 1000)]
        engine.call("PUT", f"/collections/{name}/points?wait=true",
                    {"points": points}).result


def assert_sum(engine):
    """The named parts come to the resident memory, within a tenth."""
    before = resident(engine)
    process = engine.call("GET", "/telemetry?details_level=1").result[
        "memory"]["process"]
    after = resident(engine)
    parts = sum(size for key, size in process.items()
                if key not in ("sum_bytes", "other_bytes", "resident_bytes",
                               "limited_bytes", "limit_bytes"))
    assert parts == process["sum_bytes"]
    low, high = min(before, after), max(before, after)
    assert 0.9 * low <= process["sum_bytes"] <= 1.1 * high, process
    return process


def test_the_parts_sum_up_to_the_resident_memory(engine_factory):
    """Named parts, each counted by its holder, after a load of real data."""
    engine = engine_factory().start()
    load_real(engine, "real", POINTS)
    engine.call("PUT", "/collections/real/index?wait=true",
                {"field_name": "section", "field_schema": "keyword"}).result
    memory = engine.call("GET", "/telemetry?details_level=1").result["memory"]
    process = assert_sum(engine)
    for key in ("vectors_bytes", "ids_bytes", "payload_indexes_bytes",
                "memtables_bytes", "code_bytes"):
        assert process[key] > 0, key
    assert set(memory) >= {"active_bytes", "allocated_bytes",
                           "metadata_bytes", "resident_bytes",
                           "retained_bytes"}
    assert "memory" not in engine.call("GET", "/telemetry").result


def test_the_sum_holds_after_restart_and_deletes(engine_factory):
    """A start leaves the rows of deleted points untouched: nothing counts
    them. Replaced points and payloads in memory are counted once."""
    engine = engine_factory().start()
    load_real(engine, "real", POINTS)
    engine.call("PATCH", "/collections/real",
                {"params": {"on_disk_payload": False}}).result
    assert_sum(engine)
    count = engine.count("real")
    engine.call("POST", "/collections/real/points/delete?wait=true", {
        "points": list(range(count // 8, count))}).result
    assert_sum(engine)
    engine.stop()
    engine.start()
    assert_sum(engine)


def test_a_collection_reports_its_memory_as_the_web_ui_reads_it(
        engine, name, sample):
    engine.call("PUT", f"/collections/{name}", {"vectors": {
        "a": {"size": 384, "distance": "Cosine"},
        "b": {"size": 4, "distance": "Dot"}}}).result
    points = [{"id": p["id"], "payload": p["payload"],
               "vector": {"a": p["vector"], "b": [1, 2, 3, 4]}}
              for p in sample[:500]]
    engine.call("PUT", f"/collections/{name}/points?wait=true",
                {"points": points}).result
    engine.call("PUT", f"/collections/{name}/index?wait=true",
                {"field_name": "section", "field_schema": "keyword"}).result
    memory = engine.call("GET", f"/collections/{name}/memory").result
    usage = {"disk_bytes", "ram_bytes", "cached_bytes",
             "expected_cache_bytes"}
    assert [v["name"] for v in memory["vectors"]] == ["a", "b"]
    for vector in memory["vectors"]:
        assert set(vector["storage"]) == usage
        assert set(vector["index"]) == usage
    assert memory["vectors"][0]["storage"]["ram_bytes"] >= 500 * 384 * 4
    assert [i["name"] for i in memory["payload_index"]] == ["section"]
    assert memory["sparse_vectors"] == []
    flat = [u for v in memory["vectors"] for k, u in v.items() if k != "name"]
    flat += [memory["payload"], *memory["other"].values()]
    flat += [i["usage"] for i in memory["payload_index"]]
    for key in usage:
        assert memory["total"][key] == sum(u[key] for u in flat)
    assert engine.call("GET", "/collections/none/memory").status == 404


def once_there_is_room(engine, method, path, body):
    """Deleted points give their memory back in the background: who asks again
    gets a 200."""
    deadline = time.monotonic() + 60
    answer = engine.call(method, path, body)
    while answer.status != 200:
        assert answer.status == 507, answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
        answer = engine.call(method, path, body)


def points_of(begin, count, size=256):
    return {"points": [{"id": i, "vector": [float(i % 7 + k % 3)
                                            for k in range(size)]}
                       for i in range(begin, begin + count)]}


def test_payloads_come_back_into_memory_whole(engine_factory):
    """So many that several threads read them at the start."""
    engine = engine_factory().start()
    engine.create("big", 4, "Euclid", on_disk_payload=False)
    numbers = random.Random(1)

    def points(begin):
        return [{"id": i, "vector": [i, 1, 2, 3], "payload": {
            "n": i, "t": numbers.randbytes(6000).hex()}}
            for i in range(begin, begin + 200)]

    data = {}
    for begin in range(0, 4000, 200):
        part = points(begin)
        engine.upsert("big", part)
        data.update((p["id"], p["payload"]) for p in part)
    gone = list(range(0, 4000, 3))
    engine.call("POST", "/collections/big/points/delete?wait=true",
                {"points": gone}).result
    for _ in range(2):  # the second start finds table files
        engine.stop()
        engine.start()
    assert sum(p.stat().st_size for p in
               (engine.folder / "storage").rglob("*.sst")) > 32 << 20
    found = {}
    for begin in range(0, 4000, 500):
        found.update(engine.get("big", range(begin, begin + 500),
                                vectors=False))
    assert {id: record["payload"] for id, record in found.items()} == \
        {id: p for id, p in data.items() if id % 3}


def test_a_restore_asks_the_limit(engine_factory):
    """Where a second copy does not fit: a 507 that says so, before anything is
    loaded, and the present collection is served as it was."""
    engine = engine_factory(
        environment={"QDRANT__STORAGE__MEMORY_LIMIT_MB": "150"}).start()
    engine.call("PUT", "/collections/one", {
        "vectors": {"size": 256, "distance": "Euclid"},
        "optimizers_config": {"indexing_threshold": 0}}).result
    for begin in range(0, 50000, 1000):
        engine.call("PUT", "/collections/one/points?wait=true",
                    points_of(begin, 1000)).result
    made = engine.call("POST", "/collections/one/snapshots").result
    where = {"location": f"file://{engine.folder}/snapshots/one/{made['name']}"}
    for name in ("one", "two"):
        answer = engine.call("PUT", f"/collections/{name}/snapshots/recover",
                             where)
        assert answer.status == 507, answer
        assert "storage.memory_limit_mb" in answer.error
    assert engine.call("GET", "/collections/two").status == 404
    assert engine.call("POST", "/collections/one/points/count",
                       {}).result["count"] == 50000
    assert len(list((engine.folder / "storage" / "collections").iterdir())) == 1
    engine.call("DELETE", "/collections/one").result
    assert engine.call("PUT", "/collections/two/snapshots/recover",
                       where).status == 200
    assert engine.call("POST", "/collections/two/points/count",
                       {}).result["count"] == 50000


def test_the_limit_refuses_growth_and_nothing_else(engine_factory):
    """Fill until refused; reads, updates in place and deletes go on; then
    there is room again."""
    engine = engine_factory(
        environment={"QDRANT__STORAGE__MEMORY_LIMIT_MB": "100"}).start()
    engine.call("PUT", "/collections/full", {
        "vectors": {"size": 256, "distance": "Euclid"},
        "optimizers_config": {"indexing_threshold": 0}}).result
    count = 0
    while count < 200000:
        answer = engine.call("PUT", "/collections/full/points?wait=true",
                             points_of(count, 1000))
        if answer.status != 200:
            break
        count += 1000
    assert 10000 < count < 120000
    assert answer.status == 507
    assert "storage.memory_limit_mb" in answer.error
    assert "of 100 MiB" in answer.error
    assert resident(engine) < 200 << 20
    assert engine.call("POST", "/collections/full/points/count",
                       {}).result["count"] == count
    hits = engine.call("POST", "/collections/full/points/search", {
        "vector": [1.0] * 256, "limit": 3}).result
    assert len(hits) == 3
    for i in range(50):
        refused = engine.call("PUT", f"/collections/small-{i}",
                              {"vectors": {"size": 4, "distance": "Dot"}})
        if refused.status != 200:
            break
    assert refused.status == 507
    assert "storage.memory_limit_mb" in refused.error
    engine.call("POST", "/collections/full/points/delete?wait=true",
                {"points": list(range(5000))}).result
    once_there_is_room(engine, "PUT", "/collections/full/points?wait=true",
                       points_of(300000, 1000))
    assert engine.call("POST", "/collections/full/points/count",
                       {}).result["count"] == count - 5000 + 1000
    metrics = engine.call("GET", "/metrics").text
    assert re.search(r"^memory_refused_total [1-9]", metrics, re.M)
    assert f"memory_limit_bytes {100 << 20}" in metrics \
        or "memory_limit_bytes 1.048576e+08" in metrics


LIMIT = 100 << 20


def limited(engine_factory, **collection):
    """A collection at the limit: filled until an update is refused. Returns
    the engine and how many points it took."""
    engine = engine_factory(environment={
        "QDRANT__STORAGE__MEMORY_LIMIT_MB": str(LIMIT >> 20)}).start()
    engine.call("PUT", "/collections/full", {
        "vectors": {"size": 256, "distance": "Euclid"}, **collection}).result
    count = 0
    while engine.call("PUT", "/collections/full/points?wait=true",
                      points_of(count, 1000)).status == 200:
        count += 1000
        assert count < 200000
    return engine, count


def highest(engine):
    text = open(f"/proc/{engine.process.pid}/status").read()
    return int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) * 1024


def test_replacing_points_stays_within_the_limit(engine_factory):
    """Delete and upsert again and again at the limit: each is answered by 200
    or by a 507 that names the limit, deletes always by 200, and the process
    never has more than a tenth over the limit. What was deleted makes room as
    soon as its slots are free: who asks again gets a 200."""
    engine, count = limited(engine_factory)
    statuses = []
    for turn in range(15):
        ids = [(turn * 1777 + i * 13) % count for i in range(500)]
        assert engine.call("POST", "/collections/full/points/delete?wait=true",
                           {"points": ids}).status == 200
        body = points_of(0, 500)
        for point, new_id in zip(body["points"], ids):
            point["id"] = new_id
        answer = engine.call("PUT", "/collections/full/points?wait=true", body)
        statuses.append(answer.status)
        if answer.status != 200:
            assert answer.status == 507, answer
            assert "storage.memory_limit_mb" in answer.error
    assert set(statuses) <= {200, 507}
    once_there_is_room(engine, "PUT", "/collections/full/points?wait=true",
                       body)
    assert highest(engine) <= 1.1 * LIMIT
    assert_sum(engine)
    engine.call("POST", "/collections/full/points/delete?wait=true",
                {"filter": {}}).result
    assert engine.count("full") == 0


@pytest.mark.parametrize("on_disk", [True, False])
def test_growing_payloads_stay_within_the_limit(engine_factory, on_disk):
    """Payloads that grow by merging: each request is small, what it makes is
    not. Refused when it does not fit; reads and deletes go on."""
    engine, count = limited(engine_factory, on_disk_payload=on_disk)
    engine.call("POST", "/collections/full/points/delete?wait=true",
                {"points": list(range(count // 2, count))}).result
    once_there_is_room(engine, "POST",
                       "/collections/full/points/payload?wait=true",
                       {"points": list(range(400)), "payload": {"key0": ""}})
    statuses = set()
    for turn in range(20):
        ids = [(turn * 97 + i) % (count // 4) for i in range(400)]
        answer = engine.call(
            "POST", "/collections/full/points/payload?wait=true", {
                "points": ids,
                "payload": {f"key{turn % 6}": "x" * (2500 * turn)}})
        statuses.add(answer.status)
        if answer.status != 200:
            assert answer.status == 507, answer
            assert "storage.memory_limit_mb" in answer.error
    assert 200 in statuses
    assert highest(engine) <= 1.1 * LIMIT
    hits = engine.call("POST", "/collections/full/points/search", {
        "vector": [1.0] * 256, "limit": 3, "with_payload": True}).result
    assert len(hits) == 3
    for begin in range(0, count // 2, 5000):
        engine.call("POST", "/collections/full/points/delete?wait=true",
                    {"points": list(range(begin, begin + 5000))}).result
    assert engine.count("full") == 0


def test_big_requests_share_a_budget_and_small_ones_pass(engine_factory):
    engine = engine_factory(
        environment={"QDRANT__SERVICE__REQUEST_MEMORY_MB": "8"}).start()
    engine.call("PUT", "/collections/c",
                {"vectors": {"size": 256, "distance": "Dot"}}).result
    big = points_of(0, 4000)
    answer = engine.call("PUT", "/collections/c/points?wait=true", big)
    assert answer.status == 503
    assert "service.request_memory_mb" in answer.error
    assert answer.headers["Retry-After"] == "1"
    statuses = []

    def write(begin):
        statuses.append(engine.call("PUT", "/collections/c/points?wait=true",
                                    points_of(begin, 700)).status)
    threads = [threading.Thread(target=write, args=(i * 1000,))
               for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 503} and 200 in statuses
    engine.call("PUT", "/collections/c/points?wait=true",
                points_of(90000, 10)).result
    used = re.search(r"^request_memory_bytes (\S+)",
                     engine.call("GET", "/metrics").text, re.M)
    assert float(used.group(1)) == 0


def test_the_searches_of_a_batch_use_the_same_memory(engine_factory):
    """A batch needs what its largest search needs, beside its answer."""
    engine = engine_factory(more_config="  request_memory_mb: 2\n").start()
    engine.create("c", 4, "Dot")
    engine.upsert("c", points_of(0, 1000, 4)["points"])
    search = {"query": [1, 2, 3, 4], "limit": 100}
    for _ in range(2):
        answer = engine.call("POST", "/collections/c/points/query/batch",
                             {"searches": [search] * 500})
        assert [len(one["points"]) for one in answer.result] == [100] * 500
    assert engine.stop() == 0


def test_big_bodies_that_do_not_end_shut_out_no_small_ones(engine_factory):
    """All bodies together may have 32 times the largest one. Clients that fill
    that and then go on slowly hold up big requests, nothing else."""
    engine = engine_factory(more_config="  max_request_size_mb: 1\n").start()
    engine.create("c", 4)
    head = (b"PUT /collections/c/points HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 1048576\r\n\r\n")
    slow = []

    def send_big():
        return engine.call("PUT", "/collections/c/points",
                           '{"points":[' + " " * 900000 + "]}")
    try:
        # Several at the limit may be refused together: more come until there
        # is no room for a big one.
        while (answer := send_big()).status != 503:
            assert answer.status == 400 and len(slow) < 200, answer
            slow.append(engine.socket(60))
            slow[-1].sendall(head + b" " * 1048575)
        assert "all request bodies together" in answer.error
        points = [{"id": i, "vector": [1, 2, 3, 4]} for i in range(1000)]
        engine.upsert("c", points)
        assert engine.count("c") == 1000
    finally:
        for peer in slow:
            peer.close()
    assert engine.stop() == 0


def everything(engine, name):
    """All points, what a filter without index counts, and a search."""
    points = engine.call("POST", f"/collections/{name}/points/scroll", {
        "limit": 10000, "with_payload": True,
        "with_vector": True}).result["points"]
    match = {"must": [{"key": "section", "match": {"value": "libs"}}]}
    count = engine.call("POST", f"/collections/{name}/points/count",
                        {"filter": match}).result["count"]
    hits = engine.call("POST", f"/collections/{name}/points/search", {
        "vector": points[0]["vector"], "limit": 20, "with_payload": True,
        "filter": match}).result
    return points, count, [(h["id"], h["payload"]) for h in hits]


def test_payloads_move_between_disk_and_memory(engine_factory, sample):
    engine = engine_factory().start()
    base = "/collections/moving"
    engine.call("PUT", base, {"vectors": {
        "size": 384, "distance": "Cosine"}}).result
    points = [{"id": p["id"], "vector": p["vector"], "payload": p["payload"]}
              for p in sample[:1500]]
    engine.call("PUT", f"{base}/points?wait=true", {"points": points}).result

    def payload_memory():
        return engine.call("GET", f"{base}/memory").result["payload"][
            "ram_bytes"]

    def change(number):
        """A payload merged, one cleared, a vector replaced, a point gone."""
        ids = [p["id"] for p in points[number * 10:]]
        engine.call("POST", f"{base}/points/payload?wait=true", {
            "payload": {"changed": number}, "points": ids[:1]}).result
        engine.call("POST", f"{base}/points/payload/clear?wait=true", {
            "points": ids[1:2]}).result
        engine.call("PUT", f"{base}/points/vectors?wait=true", {"points": [
            {"id": ids[2], "vector": points[500 + number]["vector"]}]}).result
        engine.call("POST", f"{base}/points/delete?wait=true", {
            "points": ids[3:4]}).result

    assert payload_memory() == 0
    for number, on_disk in enumerate((False, True, False, True)):
        change(number)
        before = everything(engine, "moving")
        assert before[0][0]["payload"]["changed"] == 0
        engine.call("PATCH", base, {
            "params": {"on_disk_payload": on_disk}}).result
        info = engine.call("GET", base).result
        assert info["config"]["params"]["on_disk_payload"] is on_disk
        assert (payload_memory() == 0) is on_disk
        assert everything(engine, "moving") == before
        # An index made over what is on disk answers as the scan did.
        engine.call("PUT", f"{base}/index?wait=true", {
            "field_name": "section", "field_schema": "keyword"}).result
        change(number + 10)
        indexed = everything(engine, "moving")
        engine.call("DELETE", f"{base}/index/section?wait=true").result
        assert everything(engine, "moving") == indexed
    before = everything(engine, "moving")
    engine.stop()
    engine.start()
    assert everything(engine, "moving") == before


def test_vectors_on_disk_answer_as_those_in_memory(engine_factory, sample):
    """The same points in memory and on disk: searches by walk, exact and by
    id, updates, deletes, restart; and rows take no memory."""
    engine = engine_factory().start()
    small = {"optimizers_config": {"indexing_threshold": 100}}
    for name, on_disk in (("memory", False), ("disk", True)):
        engine.call("PUT", f"/collections/{name}", {"vectors": {
            "size": 384, "distance": "Cosine", "on_disk": on_disk},
            **small}).result
    points = [{"id": p["id"], "vector": p["vector"], "payload": p["payload"]}
              for p in sample[:3000]]

    def both(method, path, body):
        return [engine.call(method, f"/collections/{name}{path}", body).result
                for name in ("memory", "disk")]

    def compare(is_exact):
        for point in points[100:140]:
            for query in ({"vector": point["vector"]},):
                one, other = both("POST", "/points/search", {
                    **query, "limit": 10, "with_payload": ["package"],
                    "params": {"exact": is_exact, "hnsw_ef": 256}})
                scores = [(h["id"], round(h["score"], 4)) for h in one]
                found = [(h["id"], round(h["score"], 4)) for h in other]
                if is_exact:
                    assert found == scores
                else:
                    assert len(set(found) & set(scores)) >= 8
        one, other = both("POST", "/points/query", {
            "query": points[50]["id"], "limit": 5, "params": {"exact": True}})
        assert [p["id"] for p in one["points"]] == \
            [p["id"] for p in other["points"]]
        one, other = both("POST", "/points/scroll", {
            "limit": 5000, "with_vector": True})
        assert one["points"] == other["points"]

    for begin in range(0, 3000, 500):
        both("PUT", "/points?wait=true",
             {"points": points[begin:begin + 500]})
    compare(True)
    both("POST", "/points/delete?wait=true",
         {"points": [p["id"] for p in points[:40]]})
    for p, other in zip(points[40:80], points[200:240]):
        p["vector"] = other["vector"]
    both("PUT", "/points?wait=true", {"points": points[40:80]})
    both("PUT", "/points/vectors?wait=true", {"points": [
        {"id": p["id"], "vector": q["vector"]}
        for p, q in zip(points[80:90], points[300:310])]})
    compare(True)
    while any(info["status"] != "green" for info in both("GET", "", None)):
        pass
    compare(False)
    one, other = both("GET", "/memory", None)
    assert one["vectors"][0]["storage"]["ram_bytes"] >= 2900 * 1536
    assert other["vectors"][0]["storage"]["ram_bytes"] == 0
    assert other["vectors"][0]["quantized"]["ram_bytes"] > 0
    engine.stop()
    engine.start()
    compare(True)
    compare(False)
    # PATCH counts from the next start on.
    engine.call("PATCH", "/collections/disk",
                {"vectors": {"": {"on_disk": False}}}).result
    engine.call("PATCH", "/collections/memory",
                {"vectors": {"": {"memory": "cold"}}}).result
    engine.stop()
    engine.start()
    one, other = both("GET", "/memory", None)
    assert one["vectors"][0]["storage"]["ram_bytes"] == 0
    assert other["vectors"][0]["storage"]["ram_bytes"] > 0
    compare(True)
    compare(False)


def test_a_move_of_vectors_is_announced_once(engine_factory):
    engine = engine_factory().start()
    engine.create("c", 64, "Dot")
    said = 'vector "" moves to disk at the next start'
    for on_disk, lines in ((True, 1), (True, 1), (False, 1), (True, 2)):
        for body in ({"vectors": {"": {"on_disk": on_disk}}},
                     {"hnsw_config": {"ef_construct": 90}}):
            engine.call("PATCH", "/collections/c", body).result
        assert engine.log().count(said) == lines
    assert "stays in memory" in engine.log()


def of_low_rank(count, size, seed):
    """Vectors as models make them: they do not fill their dimensions."""
    numbers = random.Random(seed)
    basis = [[numbers.gauss(0, 1) for _ in range(size)] for _ in range(8)]
    for _ in range(count):
        parts = [numbers.gauss(0, 1) for _ in basis]
        yield [round(sum(p * b[i] for p, b in zip(parts, basis)), 3)
               for i in range(size)]


def test_memory_and_disk_come_back_after_many_deletes(engine_factory):
    """Nine of ten points go: the report and the process shrink without a
    restart, and those that remain answer as before; and so after one."""
    engine = engine_factory().start()
    base = "/collections/tide"
    count, size = 16000, 256
    engine.call("PUT", base, {
        "vectors": {"size": size, "distance": "Dot"},
        "on_disk_payload": False,
        "hnsw_config": {"full_scan_threshold": 10, "ef_construct": 48},
        "optimizers_config": {"indexing_threshold": 100}}).result
    engine.call("PUT", f"{base}/index?wait=true", {
        "field_name": "n", "field_schema": "integer"}).result
    vectors = list(of_low_rank(count, size, 3))
    for begin in range(0, count, 1000):
        engine.call("PUT", f"{base}/points?wait=true", {"points": [
            {"id": i, "vector": vectors[i],
             "payload": {"n": i % 100, "text": f"{i} " * 40}}
            for i in range(begin, begin + 1000)]}).result
    while engine.call("GET", base).result["status"] != "green":
        time.sleep(0.1)

    def look():
        memory = engine.call("GET", f"{base}/memory").result
        vector = memory["vectors"][0]
        return {"rss": resident(engine),
                "total": memory["total"]["ram_bytes"],
                "vectors": vector["storage"]["ram_bytes"],
                "graph": vector["index"]["ram_bytes"],
                "codes": vector["quantized"]["ram_bytes"],
                # Without the graph's checkpoint, which is made now and then.
                "disk": vector["storage"]["disk_bytes"] +
                memory["payload"]["disk_bytes"]}

    def state():
        points = engine.call("POST", f"{base}/points/scroll", {
            "limit": count, "with_payload": True,
            "with_vector": True}).result["points"]
        counted = engine.call("POST", f"{base}/points/count", {"filter": {
            "must": [{"key": "n", "range": {"lt": 50}}]}}).result["count"]
        exact = [engine.call("POST", f"{base}/points/search", {
            "vector": vectors[i], "limit": 10, "with_payload": ["n"],
            "params": {"exact": True}}).result for i in range(30)]
        return points, counted, exact

    def recall(exact):
        good = 0
        for i, hits in enumerate(exact):
            walked = engine.call("POST", f"{base}/points/search", {
                "vector": vectors[i], "limit": 10,
                "params": {"hnsw_ef": 128}}).result
            good += len({h["id"] for h in hits} & {h["id"] for h in walked})
        return good / (10 * len(exact))

    # What was in memory and the log only is in files then.
    engine.stop()
    engine.start()
    full = look()
    raw = count * 4 * size
    assert raw < full["disk"] < 2 * raw
    engine.call("POST", f"{base}/points/delete?wait=true", {
        "points": [i for i in range(count) if i % 10 != 3]}).result
    before = state()
    assert [p["id"] for p in before[0]] == list(range(3, count, 10))
    deadline = time.monotonic() + 100
    small = look()
    while (small["vectors"] > full["vectors"] / 3 or
           small["disk"] > full["disk"] / 4 or
           small["rss"] > full["rss"] - (8 << 20)):
        assert time.monotonic() < deadline, (full, small)
        time.sleep(0.1)
        small = look()
    for part in ("total", "vectors", "graph", "codes"):
        assert small[part] < full[part] / 2, (part, full, small)
    assert small["disk"] <= 1.4 * raw / 10
    assert state() == before
    assert recall(before[2]) >= 0.97
    engine.stop()
    engine.start()
    assert state() == before
    assert recall(before[2]) >= 0.97
    assert look()["vectors"] <= full["vectors"] / 3


def test_at_the_limit_deletes_make_room_for_others(engine_factory):
    """Moving points together asks for no memory; what comes back may be used
    by another collection."""
    engine = engine_factory(
        environment={"QDRANT__STORAGE__MEMORY_LIMIT_MB": "110"}).start()
    body = {"vectors": {"size": 256, "distance": "Euclid"},
            "optimizers_config": {"indexing_threshold": 0}}
    engine.call("PUT", "/collections/full", body).result
    engine.call("PUT", "/collections/other", body).result
    count = 0
    while engine.call("PUT", "/collections/full/points?wait=true",
                      points_of(count, 1000)).status == 200:
        count += 1000
        assert count < 200000
    assert count > 10000
    assert engine.call("PUT", "/collections/other/points?wait=true",
                       points_of(0, 2000)).status == 507
    engine.call("POST", "/collections/full/points/delete?wait=true",
                {"points": [i for i in range(count) if i % 10 != 3]}).result
    deadline = time.monotonic() + 60
    for begin in range(0, 5000, 1000):
        while engine.call("PUT", "/collections/other/points?wait=true",
                          points_of(begin, 1000)).status == 507:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    points = engine.call("POST", "/collections/full/points/scroll", {
        "limit": count, "with_vector": True}).result["points"]
    assert [p["id"] for p in points] == list(range(3, count, 10))
    for p in points:
        assert p["vector"] == points_of(p["id"], 1)["points"][0]["vector"]
