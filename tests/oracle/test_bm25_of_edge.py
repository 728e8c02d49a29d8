# SPDX-License-Identifier: Apache-2.0
"""Texts to sparse vectors beside the model of qdrant-edge: the same indices and
weights, for documents and queries, with many options and in every language.

  AZIMUTH_ORACLE_ROUNDS   texts of each set of options (default: 400)
  AZIMUTH_ORACLE_SEED     the seed (default: 1)
"""
import json
import os
import pathlib
import random
import re

import packages
import pytest
import qdrant_edge as q

ROUNDS = int(os.environ.get("AZIMUTH_ORACLE_ROUNDS", "400"))
SEED = int(os.environ.get("AZIMUTH_ORACLE_SEED", "1"))
ODD = ("", "the", "The quick brown foxes jumped over the lazy dogs, quick",
       "don't re-run x² straße ΟΔΥΣΣΕΥΣ Café naïve 2020-01-01 a_b", "日本 語",
       "!!! ...", "İstanbul Ünïcödé", "a " * 3000 + "fox", "é" * 200)
OPTIONS = (
    {},
    {"k": 2.0, "b": 0.1, "avg_len": 7.5},
    {"k": 0.0, "b": 0.0},
    {"tokenizer": "whitespace"},
    {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 5},
    {"lowercase": False},
    {"ascii_folding": True},
    {"min_token_len": 3, "max_token_len": 6},
    {"stopwords": {"custom": ["library", "Data"]}},
)
TOKENIZERS = {"word": q.TokenizerType.Word, "prefix": q.TokenizerType.Prefix,
              "whitespace": q.TokenizerType.Whitespace}


def model_of(options):
    options = dict(options)
    if "tokenizer" in options:
        options["tokenizer"] = TOKENIZERS[options["tokenizer"]]
    if "stopwords" in options:
        options["stopwords"] = q.StopwordsSet(
            custom=set(options["stopwords"]["custom"]))
    return q.Bm25(q.Bm25Config(**options))


def pairs(vector):
    return dict(zip(vector.indices, vector.values))


@pytest.mark.parametrize("options", OPTIONS, ids=json.dumps)
def test_texts_become_what_edge_makes_of_them(engine, tally, options):
    model = model_of(options)
    chance = random.Random(SEED)
    summaries = [p["payload"]["summary"] for p in packages.sample()]
    texts = [*ODD, *(" ".join(chance.sample(summaries,
                                            chance.randrange(1, 6)))
                     for _ in range(ROUNDS))]
    if "ascii_folding" in options:  # ICU folds what edge does not
        texts = [text.replace("²", "") for text in texts]
    engine.call("PUT", "/collections/c", {"sparse_vectors": {"s": {}}}).result
    engine.upsert("c", [
        {"id": id, "vector": {"s": {"text": text, "model": "qdrant/bm25",
                                    "options": options}}}
        for id, text in enumerate(texts)])
    found = engine.get("c", list(range(len(texts))))
    assert len(found) == len(texts)
    for id, record in found.items():
        ours = record["vector"]["s"]
        theirs = pairs(model.embed_document(texts[id]))
        assert ours["indices"] == sorted(theirs), texts[id]
        assert ours["values"] == pytest.approx(
            [theirs[i] for i in ours["indices"]], rel=1e-6)
        tally.add("bm25 document beside edge")
    # A query weighs 1 for each of its tokens. Edge asks for stopwords, too, when
    # they are cut by prefix.
    for text in texts[:40] if options.get("tokenizer") != "prefix" else ():
        theirs = pairs(model.embed_query(text))
        assert all(value == 1.0 for value in theirs.values())
        asked = {"query": {"text": text, "model": "bm25", "options": options},
                 "using": "s", "limit": 3}
        ours = engine.call("POST", "/collections/c/points/query", asked).result
        asked["query"] = {"indices": list(theirs), "values": [1.0] * len(theirs)}
        expected = engine.call("POST", "/collections/c/points/query",
                               asked).result
        assert [p["score"] for p in ours["points"]] == pytest.approx(
            [p["score"] for p in expected["points"]])
        tally.add("bm25 query beside edge")


# A language whose stopwords have to be given; most of them have no stemmer.
BARE = ("arabic", "greek", "romanian", "basque", "jp", "hi-en")
SOURCE = pathlib.Path(__file__).parents[2] / "engine" / "filter" / "language.c"


def stopwords():
    """Of each language here, as the source has them."""
    lists = re.finditer(r'static const char (\w+)\[\] =\n((?: +"[^"]*";?\n)+)',
                        SOURCE.read_text())
    return {found.group(1): "".join(re.findall(r'"([^"]*)"', found.group(2))
                                    ).split() for found in lists}


def same_documents(engine, tally, texts, options, model):
    engine.call("PUT", "/collections/l", {"sparse_vectors": {"s": {}}})
    engine.upsert("l", [
        {"id": id, "vector": {"s": {"text": text, "model": "qdrant/bm25",
                                    "options": options}}}
        for id, text in enumerate(texts)])
    for id, record in engine.get("l", list(range(len(texts)))).items():
        theirs = pairs(model.embed_document(texts[id]))
        ours = record["vector"]["s"]
        assert ours["indices"] == sorted(theirs), (options, texts[id])
        assert ours["values"] == pytest.approx(
            [theirs[i] for i in ours["indices"]], rel=1e-6)
        tally.add("bm25 document in a language beside edge")


@pytest.mark.parametrize("language", sorted(stopwords()))
def test_a_language_leaves_out_what_edge_does(engine, tally, language):
    """Each word by itself, its stem, and words of every other language."""
    lists = stopwords()
    assert len(lists) == 14
    words = lists[language] + [word + "s" for word in lists[language]]
    # Snowball's newer Finnish stems words of foreign letters in another way.
    words += [word for other in lists.values() for word in other[:40]
              if language != "finnish" or word.isascii()]
    words += packages.sample()[3]["payload"]["summary"].split()
    options = {"language": language, "tokenizer": "whitespace"}
    same_documents(engine, tally, words, options, model_of(options))


@pytest.mark.parametrize("language", BARE)
def test_a_language_with_given_stopwords(engine, tally, language):
    words = ["the", "running", "casele", "frumoase", "σπίτια", "βιβλία",
             "الكتاب", "والمدرسة", "etxeak", "猫", "kitabein"]
    options = {"language": language, "tokenizer": "whitespace",
               "stopwords": {"custom": ["the"]}}
    same_documents(engine, tally, words, options, model_of(options))
