# SPDX-License-Identifier: Apache-2.0
"""What was compared, of each kind, and where answers differ: printed at the
end of the run (conftest.py)."""
import collections

EXAMPLES_MAX = 5  # of differences in one kind

LEFT_OUT = {
    "is_null on arrays":
        "edge also finds a null inside an array, the server that we follow "
        "only looks at the value",
    "is_null and is_empty tests on paths with []":
        "in edge any value decides; with an index all do",
    "values_count, is_null or is_empty beside another test of one field":
        "edge then answers by one of them; the server takes either (OR)",
    "text tests on a field without a text index":
        "edge cuts them into words, the server that we follow compares bytes",
    "an empty min_should": "edge finds nothing, the server refuses it",
    "null in set_payload of a point without payload":
        "edge keeps it there; a null removes a key",
    "idf after a point is changed": "edge goes on counting what is gone",
    "a sparse vector that is deleted and set again":
        "in edge the old entries come back",
    "polygons beside the client": "it takes points on the edge for inside",
    "several tests of one field beside the client": "it looks at the first",
    "datatypes beside the client": "it keeps floats",
    "examples of prefetches beside the client":
        "it leaves them out of their stage, the server out of the whole",
    "relevance feedback on sparse and multivectors beside the client":
        "it takes dense ones only",
    "lists with equal scores below a fusion by ranks": "their order is open",
    "facet, lookup_from": "not compared yet",
}


class Tally:
    def __init__(self):
        self.compared = collections.Counter()
        self.differing = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, kind, count=1):
        self.compared[kind] += count

    def check(self, kind, is_same, example):
        """Counts one comparison. `example` is called for what to show."""
        self.compared[kind] += 1
        if is_same:
            return
        self.differing[kind] += 1
        if len(self.examples[kind]) < EXAMPLES_MAX:
            self.examples[kind].append(str(example())[:2000])

    def show(self):
        """Lines of a table."""
        total = sum(self.compared.values())
        if total == 0:
            return []
        lines = [f"{count:9} {kind}, {self.differing[kind]} differ"
                 for kind, count in sorted(self.compared.items())]
        lines.append(f"{total:9} compared, "
                     f"{sum(self.differing.values())} differ")
        lines += [f"left out: {what}: {why}" for what, why in LEFT_OUT.items()]
        return lines


class Part:
    """The comparisons of one test: they all go on, then it says whether any
    differed."""

    def __init__(self, tally):
        self.tally = tally
        self.found = []

    def check(self, kind, is_same, example):
        self.tally.check(kind, is_same, example)
        if not is_same and len(self.found) < EXAMPLES_MAX:
            self.found.append(f"{kind}: {str(example())[:2000]}")

    def end(self):
        assert not self.found, "\n".join(self.found)
