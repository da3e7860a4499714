"""The tables of a run that README.md shows, from its results.csv."""

from marks import read

QUEUES = {"unbounded": "without a limit", "1024": "1024", "none": "none"}
# What README.md shows beside the empty tasks, in its words.
OTHERS = {
    "sleep": "tasks that sleep for 10 ms, 50,000 at a time (fibers; no pool can be below 200 ns)",
    "submit": "the same, until all are submitted (fibers)",
    "work-1us": "tasks of 1 µs on two workers (no pool can be below 500 ns)",
    "work-10us": "tasks of 10 µs on two workers (5000 ns)",
    "wake-p50": "wake-up of an idle pool, median",
    "wake-p99": "the same, 99th percentile",
    "trip": "submit one task and wait for it",
    "ramp": "1000 workers started until all run at once",
    "ramp-fibers": "100,000 fibers started until all run at once",
    "callers": "16 callers that wait for two workers",
    "memory": "memory of a sleeping fiber (of 100,000)",
    "memory-queued": "memory of a queued task",
    "memory-worker": "memory of an idle worker",
    "life": "make a pool and end it",
}
ONE_OF_MANY = {"callers": ("producers", "16"), "memory": ("tasks", "100000"),
               "sleep": ("tasks", "1000000")}


def number(value):
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def times(peer):
    value = float(peer["times_the_subject"])
    text = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return f"{peer['program']} {text}" + (" (tie)" if peer["tie"] == "1" else "")


def cell(row):
    best = min(row.peers, key=lambda peer: float(peer["median"]))
    return f"{number(row.median)} ns, {times(best)}"


def empty_tasks(rows):
    grid = {}
    for queue, row in rows["empty"]:
        if row.peers:
            line = grid.setdefault((queue, row.subject["workers"]), {})
            line[row.subject["producers"]] = cell(row)
    producers = list(dict.fromkeys(p for line in grid.values() for p in line))
    heads = [f"{p} producer{'s' if p != '1' else ''}" for p in producers]
    yield f"| queue | workers | {' | '.join(heads)} |"
    yield "| --- | ---: " + "| --- " * len(producers) + "|"
    for (queue, workers), line in grid.items():
        cells = [line.get(p, "") for p in producers]
        yield f"| {QUEUES[queue]} | {workers} | {' | '.join(cells)} |"


def other_tasks(rows):
    yield "| what | antpool | peers, × antpool |"
    yield "| --- | ---: | --- |"
    for workload, words in OTHERS.items():
        field, value = ONE_OF_MANY.get(workload, ("workload", workload))
        for _, row in rows[workload]:
            if row.peers and row.subject[field] == value:
                peers = sorted(row.peers, key=lambda peer: float(peer["median"]))
                unit = row.subject["unit"].split()[0]
                yield (f"| {words} | {number(row.median)} {unit} | "
                       f"{', '.join(times(peer) for peer in peers)} |")


def summarize(folder):
    """Two Markdown tables: empty tasks with the best peer of each row, and the rest with every peer."""
    rows = read(folder)
    lines = []
    if any(row.peers for _, row in rows["empty"]):
        lines += [*empty_tasks(rows), ""]
    return "\n".join([*lines, *other_tasks(rows)]) + "\n"
