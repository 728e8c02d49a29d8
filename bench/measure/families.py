# SPDX-License-Identifier: Apache-2.0
"""Payloads of a set, and families of filters over them, each with the points
that pass: worked out here, by none of the engines.

A family is one filter for all queries or one for each. `rank` is a shuffle of
the row numbers, so what it lets pass has nothing to do with the vectors.
`section` and `tags` come with the real texts. `axis` is the place of a row on
the line along which the set is longest: "far" families let pass, for each
query, the end of it where the query is not. `tenant` is one of 1,000 of equal size (of
fewer in a small set), or `big`, which has a tenth of the points.
"""

import glob
import gzip
import json
import os

import numpy as np

from measure.dataset import FULL, SPLIT_SEED
from measure.machine import TOP

SHARES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
FAR_SHARES = (0.003, 0.03, 0.1, 0.3, 0.5)
SECTIONS = ("libs", "python", "doc", "net", "games", "web", "xfce")
INDEXES = (("rank", "integer"), ("axis", "float"), ("section", "keyword"),
           ("tags", "keyword"), ("depends", "integer"),
           ("priority", "keyword"), ("tenant", "keyword"))
UNINDEXED = "download_bytes"
TENANTS = 1000
TENANT_POINTS = 64  # at least, so that each has some: a small set has fewer


class Family:
    def __init__(self, group, name, filters, masks):
        self.group, self.name = group, name
        self.filters = filters  # JSON, 1 or one for each query
        self.masks = masks  # bool[points] of each
        self.share = float(np.mean([mask.mean() for mask in masks]))

    def mask(self, query):
        return self.masks[query if len(self.masks) > 1 else 0]


def _records():
    if os.path.exists(FULL):
        path = os.path.join(os.path.dirname(FULL), "packages.jsonl.gz")
        with gzip.open(path, "rt") as file:
            return [json.loads(line) for line in file]
    points = []
    for path in sorted(glob.glob(
            os.path.join(TOP, "share", "sample", "points-*.json.gz"))):
        with gzip.open(path, "rt") as file:
            points += [p["payload"] for p in json.load(file)["points"]]
    return points


def payloads(data):
    """(of the points, of the queries): what the set brings with it."""
    points, queries = len(data.base), len(data.queries)
    if data.name not in ("real", "sample"):
        return [{} for _ in range(points)], [{} for _ in range(queries)]
    records = _records()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(records))
    records = [records[i] for i in order]
    assert len(records) >= points + queries
    return records[:points], records[-queries:]  # held out: from the end


def _axis(data):
    """Places on the longest line, of points and queries."""
    rows = np.asarray(data.base[:20000])
    mean = rows.mean(axis=0)
    line = np.linalg.svd(rows - mean, full_matrices=False)[2][0]
    return (np.asarray(data.base) - mean) @ line, (data.queries - mean) @ line


class Maker:
    def __init__(self, data, queries):
        self.points, self.own = payloads(data)
        self.queries = queries
        self.families = []
        count = len(data.base)
        self.tenants = max(1, min(TENANTS, count // TENANT_POINTS))
        rank = np.random.default_rng(11).permutation(count)
        axis, self.query_axis = _axis(data)
        for i, point in enumerate(self.points):
            point["rank"] = int(rank[i])
            point["axis"] = round(float(axis[i]), 5)
            point["tenant"] = self.tenant_of(int(rank[i]))
        self.rank = rank
        self.tenant = np.array([p["tenant"] for p in self.points])
        self.axis = np.array([p["axis"] for p in self.points])
        self.section = np.array([p.get("section", "") for p in self.points])
        self.tags = {}
        for i, point in enumerate(self.points):
            for tag in point.get("tags", ()):
                self.tags.setdefault(tag, []).append(i)

    def add(self, group, name, made):
        """`made`: (filter, mask) of one, or of each query."""
        filters, masks, known = [], [], {}
        for one, mask in made:
            key = json.dumps(one)
            filters.append(one)
            masks.append(known.setdefault(key, mask))
        if len(known) == 1:
            filters, masks = filters[:1], masks[:1]
        self.families.append(Family(group, name, filters, masks))

    def below(self, share):
        limit = max(1, round(share * len(self.rank)))
        return ({"key": "rank", "range": {"lt": limit}}, self.rank < limit)

    def tenant_of(self, rank):
        return "big" if rank % 10 == 0 else f"t{rank // 10 % self.tenants}"

    def of_tenant(self, name):
        return ({"key": "tenant", "match": {"value": name}},
                self.tenant == name)

    def in_section(self, name):
        return ({"key": "section", "match": {"value": name}},
                self.section == name)

    def with_tag(self, tag):
        mask = np.zeros(len(self.points), bool)
        mask[self.tags.get(tag, [])] = True
        return {"key": "tags", "match": {"value": tag}}, mask

    def far(self, query, share):
        """The end of the axis away from the query."""
        if self.query_axis[query] < np.median(self.axis):
            limit = float(np.quantile(self.axis, 1 - share))
            return ({"key": "axis", "range": {"gt": limit}},
                    self.axis > limit)
        limit = float(np.quantile(self.axis, share))
        return {"key": "axis", "range": {"lt": limit}}, self.axis < limit


def _must(*parts):
    mask = parts[0][1]
    for part in parts[1:]:
        mask = mask & part[1]
    return {"must": [part[0] for part in parts]}, mask


def _should(*parts):
    mask = parts[0][1]
    for part in parts[1:]:
        mask = mask | part[1]
    return {"should": [part[0] for part in parts]}, mask


def _without(part, *unwanted):
    mask = part[1].copy()
    for one in unwanted:
        mask &= ~one[1]
    return {"must": [part[0]], "must_not": [one[0] for one in unwanted]}, mask


def _add_real(maker):
    queries = range(maker.queries)
    for name in SECTIONS:
        maker.add("section", name, [_must(maker.in_section(name))])
    own = [maker.own[q]["section"] for q in queries]
    maker.add("own section", "own", [
        _must(maker.in_section(name)) for name in own])
    names = sorted(set(own))
    random = np.random.default_rng(5)
    maker.add("other section", "other", [_must(maker.in_section(
        random.choice([n for n in names if n != name]))) for name in own])
    for tag in ("devel::library", "role::program", "interface::x11"):
        maker.add("tags", tag, [_must(maker.with_tag(tag))])
    maker.add("AND", "own section, 30 %", [_must(
        maker.in_section(name), maker.below(0.3)) for name in own])
    maker.add("AND", "program, x11", [_must(
        maker.with_tag("role::program"), maker.with_tag("interface::x11"))])
    maker.add("OR", "own section, games, 1 %", [_should(
        maker.in_section(name), maker.in_section("games"), maker.below(0.01))
        for name in own])
    maker.add("NOT", "own section", [_without(
        maker.below(1.0), maker.in_section(name)) for name in own])
    maker.add("NOT", "10 %, libs, python", [_without(
        maker.below(0.1), maker.in_section("libs"),
        maker.in_section("python"))])
    sizes = np.array([p[UNINDEXED] for p in maker.points])
    for share in (0.05, 0.5):
        limit = int(np.quantile(sizes, share))
        maker.add("unindexed", f"{share:g}", [(
            {"must": [{"key": UNINDEXED, "range": {"lt": limit}}]},
            sizes < limit)])


def _add_tenants(maker):
    names = [f"t{q * 7 % maker.tenants}" for q in range(maker.queries)]
    maker.add("tenants", f"one of {maker.tenants:,}", [
        _must(maker.of_tenant(name)) for name in names])
    maker.add("tenants", "one, upper half", [_must(
        maker.of_tenant(name), maker.below(0.5)) for name in names])
    maker.add("tenants", "the big one", [_must(maker.of_tenant("big"))])


def make(data, queries):
    """(payloads of the points, families)."""
    maker = Maker(data, queries)
    maker.add("free", "no filter", [(None, np.ones(len(data.base), bool))])
    for share in SHARES:
        maker.add("uncorrelated", f"{share:g}", [_must(maker.below(share))])
    for share in FAR_SHARES:
        maker.add("far", f"{share:g}", [
            _must(maker.far(q, share)) for q in range(queries)])
    _add_tenants(maker)
    if data.name in ("real", "sample"):
        _add_real(maker)
    return maker.points, maker.families
