# SPDX-License-Identifier: Apache-2.0
"""Reading a curve of recall against speed.

A point is a dict with `recall`, `qps` and whatever else was counted there.
"""

import math


def frontier(points):
    """The points that no other beats in both recall and speed, by ascending
    recall."""
    best, kept = 0.0, []
    for point in sorted(points, key=lambda p: (-p["recall"], -p["qps"])):
        if point["qps"] > best:
            best = point["qps"]
            kept.append(point)
    return kept[::-1]


def at_recall(points, target, key="qps"):
    """`key` where the frontier reaches `target`: between two points by the
    logarithm; None where it never does. A curve that starts above the target
    is read at its first point, never beyond what was measured."""
    points = frontier(points)
    if not points or points[-1]["recall"] < target:
        return None
    if points[0]["recall"] >= target:
        return points[0].get(key)
    for low, high in zip(points, points[1:]):
        if low["recall"] < target <= high["recall"]:
            share = (target - low["recall"]) / (high["recall"] - low["recall"])
            a, b = low.get(key), high.get(key)
            if a is None or b is None:
                return None
            if a <= 0 or b <= 0:
                return a + (b - a) * share
            return a * math.exp(share * math.log(b / a))
    return None


def recall_at_ef(points, ef):
    """The recall measured with this ef; None where it was not."""
    found = [p["recall"] for p in points if p.get("ef") == ef]
    return max(found) if found else None


def build_to_recall(builds, target, ef):
    """The shortest build time whose graph has `target` recall at `ef`,
    between two builds in a straight line; None when none has. A build is
    (seconds, points)."""
    known = sorted((seconds, recall_at_ef(points, ef))
                   for seconds, points in builds
                   if recall_at_ef(points, ef) is not None)
    best = min((s for s, got in known if got >= target), default=None)
    for (fast, low), (slow, high) in zip(known, known[1:]):
        if low < target <= high:
            between = fast + (slow - fast) * (target - low) / (high - low)
            best = between if best is None else min(best, between)
    return best
