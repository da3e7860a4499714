"""Charts of a run, as SVG, from its results.csv. They need matplotlib."""

import csv
import sys
from collections import defaultdict

OURS, OTHERS = "#c44e1b", "#7a8ba3"
LONGEST = 12  # times our own bar
GROWTH = {"growth-tasks": "tasks", "growth-workers": "workers", "growth-callers": "producers"}


def read(folder):
    rows = defaultdict(list)
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            if record["median"]:
                rows[record["workload"], record["queue"], record["workers"],
                     record["producers"], record["tasks"]].append(record)
    return rows


def bars(axes, title, records):
    """One bar for each program, the fastest on top, with the spread of its rounds."""
    records = sorted(records, key=lambda r: -float(r["median"]))
    medians = [float(r["median"]) for r in records]
    errors = [[m - float(r["least"]) for m, r in zip(medians, records)],
              [float(r["most"]) - m for m, r in zip(medians, records)]]
    # A bar far longer than the others is cut off, and says how long it is.
    ours = [float(r["median"]) for r in records if r["program"].startswith("antpool")]
    limit = min(max(medians), LONGEST * min(ours, default=max(medians))) * 1.15
    colors = [OURS if r["program"].startswith("antpool") else OTHERS for r in records]
    axes.barh([r["program"] for r in records], medians, color=colors, xerr=errors,
              error_kw={"elinewidth": 0.8, "alpha": 0.6})
    for place, median in enumerate(medians):
        cut = median > limit
        axes.annotate(f"{median:.0f} ▸" if cut else f" {median:.0f}", (min(median, limit), place),
                      va="center", ha="right" if cut else "left", fontsize=7,
                      color="white" if cut else "black")
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(records[0]["unit"], fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, limit)


def chart(plt, path, title, panels):
    if not panels:
        return
    wide = min(2, len(panels))
    tall = -(-len(panels) // wide)
    figure, grid = plt.subplots(tall, wide, figsize=(5 * wide, 0.6 + 2.9 * tall), squeeze=False)
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    for axes, (name, records) in zip(grid.flat, panels):
        bars(axes, name, records)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout(h_pad=1.5)
    figure.subplots_adjust(top=1 - 0.75 / figure.get_figheight())
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(plt, path, rows):
    panels = []
    for workload, field in GROWTH.items():
        points = sorted((int(r[field]), float(r["median"]))
                        for key, records in rows.items() if key[0] == workload for r in records)
        if points:
            panels.append((field, points))
    if not panels:
        return
    figure, grid = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 2.8), squeeze=False)
    for axes, (field, points) in zip(grid.flat, panels):
        axes.plot(*zip(*points), color=OURS, marker="o", markersize=3)
        axes.set_xscale("log")
        axes.set_ylim(0, max(cost for _, cost in points) * 1.2)
        axes.set_xlabel(field.replace("producers", "callers"), fontsize=8)
        axes.set_ylabel("ns per task", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("What a task costs as the numbers grow", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def write_charts(folder):
    try:
        import matplotlib
    except ImportError:
        print("benches/run: no charts, because matplotlib is missing", file=sys.stderr)
        return
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "antpool", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    rows = read(folder)
    chart(plt, folder / "sleep.svg", "Tasks that sleep for 10 ms, 50,000 at a time",
          [(f"{int(key[4]):,} tasks", rows[key]) for key in rows if key[0] == "sleep"])
    few = [(f"queue {queue}, {workers} worker{'s' if workers != '1' else ''}", records)
           for (workload, queue, workers, producers, _), records in rows.items()
           if workload == "empty" and producers == "1" and len(records) > 1]
    chart(plt, folder / "empty.svg", "Empty tasks, one producer", few)
    growth(plt, folder / "growth.svg", rows)
