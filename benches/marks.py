"""Which of the marks that antpool has set itself a run has reached, from its results.csv."""

import csv
import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Callable


KEY = ("workload", "queue", "workers", "producers", "tasks")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the run: its figure, and what each peer took compared with it."""

    name: str
    subject: dict
    peers: list

    @property
    def median(self):
        return float(self.subject["median"])

    def times(self, peer):
        return next((float(p["times_the_subject"]) for p in self.peers if p["program"] == peer),
                    None)

    def best_peer(self):
        return min(float(peer["times_the_subject"]) for peer in self.peers)


def described(peers):
    return ", ".join(f"{p['program']} {float(p['times_the_subject']):.2f}" for p in peers)


def ahead(rows):
    """Whether every peer takes longer in every row, and by more than the spread."""
    behind, ties = [], []
    for row in rows:
        tied = [peer for peer in row.peers if peer["tie"] == "1"]
        faster = [peer for peer in row.peers
                  if peer["tie"] == "0" and float(peer["times_the_subject"]) < 1]
        if faster:
            behind.append(f"{row.name}: {described(faster)}")
        elif tied:
            ties.append(f"{row.name}: {described(tied)}")
    rest = len(rows) - len(behind) - len(ties)
    found = [f"ahead in {rest} of {len(rows)}"]
    found += [f"ties in {len(ties)} ({'; '.join(ties)})"] if ties else []
    found += [f"behind in {len(behind)} ({'; '.join(behind)})"] if behind else []
    return not behind and not ties, ", ".join(found)


def mean_of_best(least):
    def check(rows):
        mean = statistics.geometric_mean(row.best_peer() for row in rows)
        return mean >= least, f"{mean:.2f} × (geometric mean of {len(rows)} rows)"
    return check


def times_of(peer, least):
    """Whether that peer takes so many times as long in every row."""
    def check(rows):
        all_times = [(row, row.times(peer)) for row in rows if row.times(peer) is not None]
        short = [f"{row.name}: {times:.2f}" for row, times in all_times if times < least]
        found = f"{len(all_times) - len(short)} of {len(all_times)} rows"
        return not short, found + (f" (not {'; '.join(short)})" if short else "")
    return check


def at_most(most, field=lambda row: row.median):
    def check(rows):
        return (all(field(row) <= most for row in rows),
                "; ".join(f"{field(row):.2f}".removesuffix(".00") for row in rows))
    return check


def flat(most):
    def check(rows):
        medians = [row.median for row in rows]
        return (max(medians) <= most * min(medians),
                f"{max(medians) / min(medians):.2f} × from the cheapest to the dearest")
    return check


@dataclasses.dataclass(frozen=True)
class Mark:
    workload: str
    text: str
    check: Callable
    queue: str = ""
    peers: tuple = ()  # only these count, if any are named

    @property
    def compares(self):
        return self.check is ahead or "takes" in self.text


MARKS = [
    Mark("sleep", "at most 1.25 × the floor of 200 ns", at_most(250)),
    Mark("sleep", "ants takes 8 × as long", times_of("ants", 8)),
    Mark("sleep", "ahead of every peer", ahead),
    Mark("submit", "ants takes 8 × as long", times_of("ants", 8)),
    *(Mark("empty", "ahead of every peer", ahead, queue) for queue in ("unbounded", "1024", "none")),
    *(Mark("empty", "the best peer takes 2 × as long", mean_of_best(2), queue)
      for queue in ("unbounded", "1024", "none")),
    Mark("empty", "ants takes 3 × as long", times_of("ants", 3), "none"),
    Mark("empty", "ahead of hand-over under a lock", ahead, "none", ("hand-off",)),
    Mark("work-1us", "0.80 of perfect speed-up", at_most(500 / 0.80)),
    Mark("work-10us", "0.95 of perfect speed-up", at_most(5000 / 0.95)),
    *(Mark(workload, "ahead of every peer", ahead)
      for workload in ("wake-p50", "wake-p99", "trip", "ramp", "ramp-fibers", "callers")),
    Mark("fairness", "at most 4", at_most(4)),
    Mark("memory", "a page and 256 bytes for a fiber", at_most(4096 + 256)),
    Mark("memory-queued", "80 bytes for a queued task", at_most(80)),
    Mark("memory-worker", "no more than glib", ahead, "", ("glib",)),
    Mark("idle-wakeups", "none", at_most(0)),
    Mark("idle-cpu", "none", at_most(0)),
    Mark("life", "ahead of glib", ahead, "", ("glib",)),
    *(Mark(f"growth-{what}", "flat within 1.5 ×", flat(1.5))
      for what in ("tasks", "workers", "callers")),
]


def read(folder):
    """The rows of the run whose own figure is there, by their workload."""
    records = defaultdict(list)
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            records[tuple(record[field] for field in KEY)].append(record)
    rows = defaultdict(list)
    for (workload, queue, workers, producers, tasks), (subject, *peers) in records.items():
        if subject["median"]:
            peers = [p for p in peers if p["median"] and not p["program"].startswith("antpool")]
            name = f"{workers} workers, {producers} callers"
            if workload == "sleep":
                name += f", {tasks} tasks"
            rows[workload].append((queue, Row(name, subject, peers)))
    return rows


def judge(folder):
    """A Markdown table of the marks that the run says something of, one line each."""
    rows = read(folder)
    lines = ["| row | mark | found | met |", "| --- | --- | --- | --- |"]
    for mark in MARKS:
        chosen = [row for queue, row in rows[mark.workload] if mark.queue in ("", queue)]
        if mark.peers:
            chosen = [dataclasses.replace(
                row, peers=[p for p in row.peers if p["program"] in mark.peers]) for row in chosen]
        if mark.compares:
            chosen = [row for row in chosen if row.peers]
        if not chosen:
            continue
        met, found = mark.check(chosen)
        where = f"`{mark.workload}`" + (f" queue={mark.queue}" if mark.queue else "")
        lines.append(f"| {where} | {mark.text} | {found} | {'yes' if met else '**no**'} |")
    return "\n".join(lines)
