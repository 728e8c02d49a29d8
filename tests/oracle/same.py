# SPDX-License-Identifier: Apache-2.0
"""Whether two answers are the same, up to rounding and the order of equal
scores. A hit is (id, score, (payload, vectors))."""

RELATIVE = 1e-4
LEAST = 2e-6
HALF = 1e-3  # a unit vector is rounded to halves from floats that may differ


def near(a, b, relative=1e-5):
    return abs(a - b) <= LEAST + relative * max(abs(a), abs(b))


def same_vector(ours, theirs, relative=1e-5):
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and \
            ours["indices"] == theirs["indices"] and \
            same_vector(ours["values"], theirs["values"], relative)
    if isinstance(ours, list):
        return isinstance(theirs, list) and len(ours) == len(theirs) and \
            all(same_vector(a, b, relative) for a, b in zip(ours, theirs))
    return near(ours, theirs, relative)


def same_payload(ours, theirs):
    """Edge reads floats of a payload up to their last bit."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, float):
        return abs(ours - theirs) <= 4e-16 * abs(ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same_payload, ours, theirs))
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(
            same_payload(value, theirs[key]) for key, value in ours.items())
    return ours == theirs


def same_record(ours, theirs, halves=()):
    """`halves`: names of vectors that are unit vectors of halves."""
    (payload, vectors), (their_payload, their_vectors) = ours, theirs
    if not same_payload(payload or {}, their_payload or {}):
        return False
    vectors, their_vectors = vectors or {}, their_vectors or {}
    return vectors.keys() == their_vectors.keys() and all(
        same_vector(vector, their_vectors[name],
                    HALF if name in halves else 1e-5)
        for name, vector in vectors.items())


def window(hits, body):
    begin = body.get("offset", 0)
    return hits[begin:begin + body["limit"]]


def difference(ours, every, body, is_exact=True, halves=()):
    """What differs, or None. `every`: all hits that pass, best first. Of a walk
    only what it says about those that it finds is looked at."""
    theirs = window(every, body)
    if len(ours) != len(theirs):
        return f"{len(ours)} hits, not {len(theirs)}"
    if len({id for id, *_ in ours}) != len(ours):
        return "one hit twice"
    largest = max([abs(score) for _, score, _ in every] + [LEAST / RELATIVE])
    most = largest * (HALF if body["using"] in halves else RELATIVE)
    of_id = {id: (score, found) for id, score, found in every}
    for place, (id, score, found) in enumerate(ours):
        if id not in of_id:
            return f"{id} does not pass"
        expected, record = of_id[id]
        if abs(score - expected) > most:
            return f"{id} has {score}, not {expected}"
        if is_exact and abs(score - theirs[place][1]) > most:
            return f"place {place} has {score}, not {theirs[place][1]}"
        if not same_record(found, record, halves):
            return f"{id} is {found}, not {record}"
    return None


def recalled(ours, every, body):
    """How many hits are as good as the nearest, and how many there are."""
    theirs = window(every, body)
    if not theirs:
        return 0, 0
    worst = theirs[-1][1]
    is_lower_better = every[0][1] < every[-1][1]
    return sum(near(score, worst) or (score < worst) == is_lower_better
               for _, score, _ in ours), len(theirs)
