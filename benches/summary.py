"""The tables of a run that docs/performance.md shows, from its results.csv."""

import math

from marks import median, read, tied, times

QUEUES = {"unbounded": "without a limit", "1024": "1024", "none": "none"}
# What docs/performance.md shows beside the empty tasks, in its words.
OTHERS = {
    "sleep": "tasks that sleep for 10 ms, 50,000 at a time (fibers; no pool can be below 200 ns)",
    "sleep-1ms": "tasks that sleep for 1 ms, 50,000 at a time (fibers; 20 ns)",
    "submit": "those of 10 ms, until all are submitted (fibers)",
    "work-1us": "tasks of 1 µs on two workers (no pool can be below 500 ns)",
    "work-10us": "tasks of 10 µs on two workers (5000 ns)",
    "wake-p50": "wake-up of an idle pool, median",
    "wake-p99": "the same, 99th percentile",
    "trip": "submit one task and wait for it",
    "ramp": "1000 workers started until all run at once",
    "ramp-fibers": "100,000 fibers started until all run at once",
    "callers": "16 callers that wait for two workers",
    "rare-100us": "CPU time of one task every 100 µs",
    "rare-1ms": "CPU time of one task every 1 ms",
    "memory": "memory of a sleeping fiber (of 100,000)",
    "memory-queued": "memory of a queued task",
    "memory-worker": "memory of an idle worker",
    "life": "make a pool and end it",
    "zstd": "zstd with four workers, 256 MiB, antpool in place of its own pool",
}
ONE_OF_MANY = {"callers": ("producers", "16"), "memory": ("tasks", "100000"),
               "sleep": ("tasks", "1000000")}


def number(value):
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def ratio(peer):
    value = times(peer)
    if value == math.inf:
        return f"{peer['program']} did not end"
    text = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return f"{peer['program']} {text}" + (" (tie)" if tied(peer) else "")


def figure(row):
    """antpool's own, with its unit."""
    return row.subject["why_not"] or f"{number(row.median)} {row.subject['unit'].split()[0]}"


def cell(row):
    best = min(row.peers, key=median)
    if row.median == math.inf:
        return f"{figure(row)}; {best['program']} {number(median(best))}"
    return f"{figure(row)}, {ratio(best)}"


def empty_tasks(rows):
    """A line for each queue and number of workers: the best peer for each number of producers."""
    grid = {}
    for row in rows:
        grid.setdefault((row.queue, row.workers), {})[row.producers] = cell(row)
    producers = list(dict.fromkeys(p for line in grid.values() for p in line))
    heads = [f"{p} producer{'s' if p != '1' else ''}" for p in producers]
    yield f"| queue | workers | {' | '.join(heads)} |"
    yield "| --- | ---: " + "| --- " * len(producers) + "|"
    for (queue, workers), line in grid.items():
        cells = [line.get(p, "") for p in producers]
        yield f"| {QUEUES[queue]} | {workers} | {' | '.join(cells)} |"


def shown(run):
    """The rows of OTHERS, with the words for each."""
    for workload, words in OTHERS.items():
        field, value = ONE_OF_MANY.get(workload, ("workload", workload))
        for row in run[workload]:
            if row.peers and getattr(row, field) == value:
                yield words, row


def other_tasks(rows):
    yield "| what | antpool | peers, × antpool |"
    yield "| --- | ---: | --- |"
    for words, row in rows:
        peers = ", ".join(ratio(peer) for peer in sorted(row.peers, key=times))
        yield f"| {words} | {figure(row)} | {peers} |"


def side_by_side(rows, loads):
    """Quiet and busy: antpool's figure and the best peer for each number of busy neighbours."""
    lines = {}
    for words, row in rows:
        lines.setdefault(words, {})[row.busy] = cell(row)
    yield f"| what | quiet | {' | '.join(f'beside {load} busy' for load in loads[1:])} |"
    yield "| --- " * (len(loads) + 1) + "|"
    for words, line in lines.items():
        if len(line) > 1:
            yield f"| {words} | {' | '.join(line.get(load, '') for load in loads)} |"


def summarize(folder):
    """Markdown tables: empty tasks with the best peer of each row, the rest with every peer, and both busy."""
    run = read(folder)
    loads = sorted({row.busy for rows in run.values() for row in rows})
    empty = [row for row in run["empty"] if row.peers]
    others = list(shown(run))
    tables = []
    for load in loads:
        rows = [row for row in empty if row.busy == load]
        title = [f"Beside {load} busy processes:", ""] if load else []
        tables += [[*title, *empty_tasks(rows)]] if rows else []
    tables.append(list(other_tasks((words, row) for words, row in others if not row.busy)))
    if len(loads) > 1:
        tables.append(list(side_by_side(others, loads)))
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"
