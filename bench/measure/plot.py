# SPDX-License-Identifier: Apache-2.0
"""Curves of recall against speed as SVG (and PNG, to look at)."""

from measure.curve import frontier

COLOURS = {"hnswlib": "#1f77b4", "faiss-hnsw": "#2ca02c",
           "faiss-sq8": "#98b83a", "faiss-ivfpq": "#9467bd",
           "usearch": "#e377c2", "qdrant-edge": "#d62728",
           "azimuth": "#000000"}


def draw(rows, title, path, low=0.8):
    """`rows`: (name, label, points). Recall runs on a scale that widens
    towards 1, where the differences are. Returns the path of the SVG; None
    where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.6))
    for name, label, points in rows:
        points = [p for p in frontier(points) if p["recall"] >= low]
        if not points:
            continue
        axes.plot([1 - min(p["recall"], 0.9995) for p in points],
                  [p["qps"] for p in points], marker="o", markersize=3.5,
                  label=label, color=COLOURS.get(name),
                  linewidth=2.4 if name == "azimuth" else 1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1 - low, 0.0005)
    ticks = [t for t in (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
             if t >= low]
    axes.set_xticks([1 - t for t in ticks], [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    for target in (0.95, 0.99):
        axes.axvline(1 - target, color="#888888", linewidth=0.8,
                     linestyle="--")
    axes.set_xlabel("recall@k (ties count)")
    axes.set_ylabel("queries per second")
    axes.set_title(title, fontsize=10)
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=110)
    pyplot.close(figure)
    return path + ".svg"
