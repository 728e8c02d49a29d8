# SPDX-License-Identifier: Apache-2.0
"""Local intrinsic dimensionality: how fast neighbours become many as the
distance grows; the harder a set is to search, the higher it is.

Maximum likelihood (Levina, Bickel 2004; Amsaleg and others 2015): for the
distances r_1 <= ... <= r_k of a point to its neighbours,
LID = -1 / mean(ln(r_i / r_k)), i < k. Distances of zero (duplicates) say
nothing about it and are left out.
"""

import numpy as np

NEIGHBOURS = 100


def from_similarities(similarities):
    """LID of each row of descending similarities of unit vectors; NaN where
    fewer than two distances differ."""
    distances = np.sqrt(np.maximum(0, 2 - 2 * similarities.astype(np.float64)))
    result = np.full(len(distances), np.nan)
    for at, row in enumerate(distances):
        row = row[row > 1e-3]
        if len(row) < 2 or row[0] >= row[-1]:
            continue
        mean = np.log(row[:-1] / row[-1]).mean()
        if mean < 0:
            result[at] = -1 / mean
    return result


def summary(values):
    """Median and the tenth and ninetieth percentile."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    low, middle, high = np.percentile(values, [10, 50, 90])
    return {"p10": float(low), "median": float(middle), "p90": float(high)}
