# SPDX-License-Identifier: Apache-2.0
"""Many tenants in one collection, as Qdrant's users make it: `m` 0 and
`payload_m`, a keyword index that says `is_tenant`. A tenant finds its own
points, the nearest ones, and only its own are looked at."""
import numpy
import pytest

DIM = 64
COUNT = 6000
TENANTS = 100  # and one that has half of the points


@pytest.fixture(scope="module")
def rows():
    random = numpy.random.default_rng(8)
    centres = random.normal(0, 1, (30, DIM))
    rows = centres[random.integers(0, 30, COUNT)]
    rows = rows + random.normal(0, 0.5, (COUNT, DIM))
    return rows / numpy.linalg.norm(rows, axis=1)[:, None]


def tenant_of(i):
    return "big" if i % 2 else f"t{i // 2 % TENANTS}"


def create(engine, name, rows, m, payload_m):
    engine.call("PUT", f"/collections/{name}", {
        "vectors": {"size": DIM, "distance": "Cosine"},
        "hnsw_config": {"m": m, "payload_m": payload_m,
                        "full_scan_threshold": 10},
        "optimizers_config": {"indexing_threshold": 1}}).result
    engine.call("PUT", f"/collections/{name}/index?wait=true", {
        "field_name": "tenant", "field_schema": {
            "type": "keyword", "is_tenant": True}}).result
    for at in range(0, COUNT, 500):
        engine.upsert(name, [
            {"id": i, "vector": rows[i].tolist(),
             "payload": {"tenant": tenant_of(i)}}
            for i in range(at, at + 500)])
    engine.wait_green(name)


def ask(engine, name, query, tenant, **more):
    answer = engine.call(
        "POST", f"/collections/{name}/points/query?explain=true",
        {"query": query.tolist(), "limit": 10, "filter": {"must": [
            {"key": "tenant", "match": {"value": tenant}}]}, **more})
    return answer.result["points"], answer.json["explain"][0]


def check(engine, name, rows):
    random = numpy.random.default_rng(4)
    good = asked = 0
    for tenant in ("big", "t0", "t7", "t99"):
        own = [i for i in range(COUNT) if tenant_of(i) == tenant]
        for _ in range(5):
            query = rows[random.integers(COUNT)] + random.normal(0, 0.1, DIM)
            scores = rows @ (query / numpy.linalg.norm(query))
            best = numpy.sort(scores[own])[::-1][:10]
            points, plan = ask(engine, name, query, tenant)
            assert len(points) == 10
            assert all(tenant_of(p["id"]) == tenant for p in points)
            good += sum(p["score"] >= best[-1] - 1e-5 for p in points)
            asked += 10
            assert plan["candidates"] == len(own)
            assert plan["estimate"]["min"] == plan["estimate"]["max"]
            if tenant != "big":
                # The postings of the tenant, and nothing else.
                assert plan["plan"] in ("scan", "scan_codes")
                assert plan["scored"] <= len(own)
            points, _ = ask(engine, name, query, tenant,
                            params={"exact": True})
            assert [p["score"] for p in points] == pytest.approx(
                best.tolist(), abs=1e-5)
    assert good >= 0.97 * asked
    points, plan = ask(engine, name, rows[0], "nobody")
    assert points == [] and plan["plan"] == "nothing"


@pytest.mark.parametrize("m,payload_m", [(0, 16), (16, 16), (16, None),
                                         (0, None)])
def test_tenants_find_their_own(engine_factory, rows, m, payload_m):
    engine = engine_factory().start()
    create(engine, "c", rows, m, payload_m)
    check(engine, "c", rows)
    engine.kill()
    engine.start()
    engine.wait_green("c")
    check(engine, "c", rows)
    # A tenant that goes takes all of its points, and no others.
    engine.call("POST", "/collections/c/points/delete?wait=true", {
        "filter": {"must": [{"key": "tenant", "match": {"value": "t7"}}]}})
    assert engine.count("c") == COUNT - COUNT // 2 // TENANTS
    assert ask(engine, "c", rows[0], "t7")[0] == []
    assert len(ask(engine, "c", rows[0], "t8")[0]) == 10
    assert engine.stop() == 0
