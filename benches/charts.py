"""Charts of a run, as SVG, from its results.csv. They need matplotlib."""

import csv
import sys
from collections import defaultdict

from marks import GROWTH, KEY, slope

OURS, OTHERS = "#c44e1b", "#7a8ba3"
MARKERS = ("o", "D", "s", "^", "v")  # quiet, and beside more and more neighbours
GROWN = {"growth-tasks": "tasks", "growth-workers": "workers", "growth-callers": "callers",
         "growth-threads": "threads, until all run", "growth-fibers": "fibers, until all run"}
# The rows of busy.svg: the workload, and what else they are known by.
BUSY = {
    "Empty tasks, 2 workers, queue without a limit": {"workload": "empty", "queue": "unbounded"},
    "Empty tasks, 2 workers, queue of 1024": {"workload": "empty", "queue": "1024"},
    "Empty tasks, 2 workers, no queue": {"workload": "empty", "queue": "none"},
    "Submit one task and wait for it": {"workload": "trip"},
    "Wake-up of an idle pool, median": {"workload": "wake-p50"},
    "16 callers wait for 2 workers": {"workload": "callers", "producers": "16"},
}


def read(folder):
    """The records by row; those of one row are of one program each, and of one number of neighbours."""
    rows = defaultdict(list)
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            rows[(*(record[field] for field in KEY), int(record["busy"]))].append(record)
    return rows


def dots(axes, title, records):
    """A dot for each program, the fastest on top, with a line for the spread of its rounds. The axis is logarithmic."""
    records = sorted(records, key=lambda r: -float(r["median"]))
    for place, record in enumerate(records):
        median, least, most = (float(record[field]) for field in ("median", "least", "most"))
        color = OURS if record["program"].startswith("antpool") else OTHERS
        axes.plot([least, most], [place, place], color=color, linewidth=1.5, alpha=0.6)
        axes.plot(median, place, "o", color=color, markersize=6)
        # Beside the line, so that neither hides the other.
        axes.annotate(f"{median:.0f}", (most, place), xytext=(6, 0), textcoords="offset points", va="center",
                      fontsize=8, color=color)
    axes.set_yticks(range(len(records)), [record["program"] for record in records])
    axes.set_ylim(-0.6, len(records) - 0.4)
    axes.set_xscale("log")
    least = min(float(record["least"]) for record in records)
    most = max(float(record["most"]) for record in records)
    axes.set_xlim(least / 1.3, most * 1.3 * (most / least) ** 0.12)
    name_decades(axes, (1, 2, 5) if most < 30 * least else (1,))
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(f"{records[0]['unit']}, logarithmic", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def name_decades(axes, steps):
    """Plain numbers at the steps of each decade of a logarithmic axis."""
    from matplotlib import ticker

    axes.xaxis.set_major_locator(ticker.LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())


def busy_dots(axes, title, by_load):
    """A line for each program: a dot for its quiet figure, and one for each number of neighbours."""
    loads = sorted(by_load)
    quiet = {r["program"]: float(r["median"]) for r in by_load[0] if r["median"]}
    names = sorted(quiet, key=quiet.get, reverse=True)
    found = {load: {r["program"]: r for r in by_load[load]} for load in loads}
    for place, name in enumerate(names):
        color = OURS if name.startswith("antpool") else OTHERS
        records = [found[load][name] for load in loads]
        medians = [float(r["median"]) for r in records if r["median"]]
        axes.plot([min(medians), max(medians)], [place, place], color=color, linewidth=1)
        for record, marker in zip(records, MARKERS):
            if record["median"]:
                axes.plot(float(record["median"]), place, marker, color=color, markersize=5)
        late = [str(load) for load, r in zip(loads, records) if not r["median"]]
        if late:
            axes.annotate(f"   did not end beside {', '.join(late)} ▸", (max(medians), place),
                          va="center", fontsize=7, color=color)
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(by_load[0][0]["unit"], fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    for load, marker in zip(loads, MARKERS):
        axes.plot([], [], marker, color=OTHERS, markersize=5, label=f"beside {load}" if load else "quiet")
    axes.legend(fontsize=7, frameon=False, loc="upper right")


def busy_panels(rows):
    for title, fields in BUSY.items():
        by_load = {}
        for key, records in rows.items():
            record = records[0]
            if all(record[field] == value for field, value in fields.items()) and (
                    record["workload"] != "empty" or key[2:4] == ("2", "1")):
                by_load[key[-1]] = records
        if len(by_load) > 1 and 0 in by_load:
            yield title, by_load


def chart(plt, path, title, panels, draw=dots):
    if not panels:
        return
    wide = min(2, len(panels))
    tall = -(-len(panels) // wide)
    figure, grid = plt.subplots(tall, wide, figsize=(5 * wide, 0.6 + 2.9 * tall), squeeze=False)
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    for axes, (name, records) in zip(grid.flat, panels):
        draw(axes, name, records)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout(h_pad=1.5)
    figure.subplots_adjust(top=1 - 0.75 / figure.get_figheight())
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(plt, path, rows):
    panels = []
    for workload, field in GROWTH.items():
        points = sorted((int(r[field]), float(r["median"])) for key, records in rows.items()
                        if key[0] == workload for r in records if r["median"])
        if len(points) > 1:
            panels.append((GROWN[workload], points))
    if not panels:
        return
    figure, grid = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 2.8), squeeze=False)
    for axes, (field, points) in zip(grid.flat, panels):
        axes.plot(*zip(*points), color=OURS, marker="o", markersize=3)
        axes.set_xscale("log")
        axes.set_ylim(0, max(cost for _, cost in points) * 1.2)
        axes.set_xlabel(field, fontsize=8)
        axes.set_ylabel("ns per task", fontsize=8)
        axes.set_title(f"slope {slope(points):.2f}", fontsize=8, loc="left")
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

    every = read(folder)
    chart(plt, folder / "busy.svg", "Quiet, and beside busy processes", list(busy_panels(every)),
          busy_dots)
    rows = {key[:-1]: [r for r in records if r["median"]] for key, records in every.items()
            if key[-1] == 0 and any(r["median"] for r in records)}
    sleeps = {"sleep": "10 ms", "sleep-1ms": "1 ms"}
    chart(plt, folder / "sleep.svg", "Tasks that sleep, 50,000 at a time",
          [(f"{int(key[4]):,} tasks of {sleeps[key[0]]}", rows[key]) for key in rows
           if key[0] in sleeps])
    few = [(f"queue {queue}, {workers} worker{'s' if workers != '1' else ''}", records)
           for (workload, queue, workers, producers, _), records in rows.items()
           if workload == "empty" and producers == "1" and len(records) > 1]
    chart(plt, folder / "empty.svg", "Empty tasks, one producer", few)
    growth(plt, folder / "growth.svg", rows)
