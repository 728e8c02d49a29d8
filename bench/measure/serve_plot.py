# SPDX-License-Identifier: Apache-2.0
"""What a query costs over the wire, and how many there are by connections, as
SVG and PNG."""

COLOURS = {"rest": "#1f77b4", "grpc": "#d62728"}
STYLES = {"plain": "-", "payload": "--", "filter": ":",
          "filter, payload": "-."}


def draw(runs, inside, healthz, title, path):
    """`runs`: rows of serve.py; `inside`: of each case. Returns the path of
    the SVG; None where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (cost, speed) = pyplot.subplots(1, 2, figsize=(13, 5))
    single = [r for r in runs if r["connections"] == 1]
    for at, row in enumerate(single):
        search = inside[row["case"]]["p50_us"]
        bar = search + row["bar"] * healthz[row["protocol"]]["p50_us"]
        cost.bar(at, search, color="#888888",
                 label="search in process" if at == 0 else None)
        cost.bar(at, max(0, row["p50_us"] - search), bottom=search,
                 color=COLOURS[row["protocol"]],
                 label=f"around it, {row['protocol']}"
                 if row["case"] == single[0]["case"] else None)
        cost.hlines(bar, at - 0.45, at + 0.45, color="black",
                    label="bar" if at == 0 else None)
    cost.set_xticks(range(len(single)), [
        f"{r['protocol']}\n{r['case']}" for r in single], fontsize=7)
    cost.set_ylabel("p50 in us, one connection")
    cost.legend(fontsize=8)
    for protocol in COLOURS:
        for case, style in STYLES.items():
            found = [r for r in runs
                     if (r["protocol"], r["case"]) == (protocol, case)]
            speed.plot([r["connections"] for r in found],
                       [r["qps"] for r in found], style, marker="o",
                       color=COLOURS[protocol], label=f"{protocol}, {case}")
    speed.axhline(inside["plain"]["qps"], color="black", linewidth=0.8,
                  label="in process, all cores, plain")
    speed.set_xscale("log", base=2)
    speed.set_ylim(bottom=0)
    speed.set_xlabel("connections")
    speed.set_ylabel("queries per second")
    speed.legend(fontsize=7)
    speed.grid(True, alpha=0.3)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path + ".svg")
    figure.savefig(path + ".png", dpi=90)
    pyplot.close(figure)
    return path + ".svg"
