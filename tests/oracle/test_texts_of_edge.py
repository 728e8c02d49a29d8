# SPDX-License-Identifier: Apache-2.0
"""Text matches on fields with a `text` index of many parameters, for azimuthd
and for qdrant-edge: both find the same.

  AZIMUTH_ORACLE_ROUNDS   filters for each set of parameters (default: 400)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import json
import os
import random

import edge
import pytest

POINTS = 300
ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "400"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
FIELDS = ("t", "l[].v")
WORDS = ("The", "quick", "Brown", "FOX", "fox", "jumps", "over", "lazy",
         "dogs", "running", "runs", "a", "and", "don't", "x²", "straße",
         "ΟΔΥΣΣΕΥΣ", "Café", "naïve", "2020-01-01", "a_b", "re-run", "", "!!",
         "Ünïcödé", "日本", "ok", "İstanbul", "ab", "abc", "abcd")
PARAMETERS = (
    {"tokenizer": "word"},
    {"tokenizer": "word", "phrase_matching": True},
    {"tokenizer": "whitespace", "phrase_matching": True},
    {"tokenizer": "prefix"},
    {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4},
    {"tokenizer": "word", "lowercase": False, "phrase_matching": True},
    {"tokenizer": "word", "min_token_len": 3, "max_token_len": 4},
    {"tokenizer": "word", "ascii_folding": True, "phrase_matching": True},
    {"tokenizer": "word", "stopwords": "english", "phrase_matching": True,
     "stemmer": {"type": "snowball", "language": "english"}},
    {"tokenizer": "word", "stopwords": {"custom": ["fox", "The"]}},
)


class Texts:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        words = (self.random.choice(WORDS)
                 for _ in range(self.random.randrange(6)))
        return self.random.choice((" ", ", ", "-")).join(words)

    def value(self):
        kind = self.random.randrange(6)
        if kind == 0:
            return [self.text() for _ in range(self.random.randrange(3))]
        if kind == 1:
            return self.random.choice((1, None, True, {"x": 1}, [],
                                       ["a", 1, None]))
        return self.text()

    def point(self, id):
        parts = [{"v": self.value()} for _ in range(self.random.randrange(3))]
        return {"id": id, "vector": {"v": [1.0, 2.0]},
                "payload": {"t": self.value(), "l": parts}}

    def filter(self):
        text = self.text()
        if self.random.random() < 0.5:
            text = " ".join(self.random.sample(WORDS,
                                               self.random.randrange(1, 4)))
        condition = {"key": self.random.choice(FIELDS), "match": {
            self.random.choice(("text", "text_any", "phrase")): text}}
        if self.random.random() < 0.7:
            return {self.random.choice(("must", "should", "must_not")):
                    [condition]}
        # Something without an index: the payload is read.
        return {"must": [{"should": [
            condition, {"key": "l[].v", "match": {"value": "ok"}}]}]}


@pytest.mark.parametrize("parameters", PARAMETERS, ids=json.dumps)
def test_texts_find_what_edge_finds(engine, tmp_path, tally, parameters):
    texts = Texts(SEED)
    points = [texts.point(id) for id in range(POINTS)]
    shard = edge.Shard(tmp_path / "edge")
    shard.upsert(points)
    size = {"size": 2, "distance": "Dot"}
    engine.call("PUT", "/collections/texts", {"vectors": {"v": size}}).result
    engine.upsert("texts", points)
    for field in FIELDS:
        schema = {"type": "text", **parameters}
        shard.index(field, schema)
        engine.call("PUT", "/collections/texts/index?wait=true", {
            "field_name": field, "field_schema": schema}).result
    for round in range(ROUNDS):
        if round == ROUNDS // 2:
            assert engine.stop() == 0
            engine.start()
        filter = texts.filter()
        expected = shard.ids(filter)
        found = engine.call("POST", "/collections/texts/points/scroll", {
            "filter": filter, "limit": 100000, "with_payload": False})
        got = [point["id"] for point in found.result["points"]]
        odd = sorted(set(got) ^ set(expected))
        assert got == expected, f"{filter}: {[points[id] for id in odd[:2]]}"
        tally.add("filter beside edge: text, of an index")
