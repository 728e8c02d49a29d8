# SPDX-License-Identifier: Apache-2.0
"""Speed and recall against the share of points that pass, as SVG and PNG."""

from measure.plot import COLOURS

LINES = ("uncorrelated", "far")


def draw(families, names, title, path):
    """Returns the path of the SVG; None where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        2, 3, figsize=(15, 8.5), sharex=True, sharey="row")
    others = [f for f in families if f["group"] not in (*LINES, "free",
                                                      "unindexed")]
    columns = [(group, [f for f in families if f["group"] == group], "-")
               for group in LINES] + [("sections, tags, AND, OR, NOT", others,
                                       "")]
    for column, (heading, found, line) in enumerate(columns):
        found = sorted(found, key=lambda f: f["share"])
        shares = [f["share"] for f in found]
        fast, good = panels[0][column], panels[1][column]
        for name in names:
            answers = [f["engines"][name] for f in found]
            style = {"marker": "o", "markersize": 3.5, "linestyle": line,
                     "color": COLOURS.get(name, "#888888"), "label": name}
            fast.plot(shares, [a["speed"] for a in answers], **style)
            if name != "scan":
                good.plot(shares, [a["recall"] for a in answers], **style)
        fast.plot(shares, [f["bound"] for f in found], color="#000000",
                  linestyle=":" if line else "", marker="" if line else "_",
                  label="bound for azimuth")
        fast.set_title(heading, fontsize=10)
        for panel in (fast, good):
            panel.set_xscale("log")
            panel.grid(True, alpha=0.3)
        fast.set_yscale("log")
        good.axhline(0.97, color="#888888", linewidth=0.8, linestyle="--")
        good.set_ylim(0.5, 1.01)
        good.set_xlabel("share of points that pass")
    panels[0][0].set_ylabel("queries per second")
    panels[1][0].set_ylabel("recall@k")
    panels[0][0].legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=90)
    pyplot.close(figure)
    return path + ".svg"
