"""Which of the marks that antpool has set itself a run has reached, from its results.csv."""

import csv
import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Callable

from programs import BEFORE, OURS

KEY = ("workload", "queue", "workers", "producers", "tasks")
DID_NOT_END = "did not end in"
YES, NO, TIE = "yes", "**no**", "tie"


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the run, quiet or beside busy neighbours: antpool's figure, and what the peers took."""

    workload: str
    queue: str
    workers: str
    producers: str
    tasks: str
    busy: int
    subject: dict
    ours: list  # the other programs of antpool
    peers: list
    touch_ns: float  # the first touch of a page, in the same run
    quiet: object = None  # the same row without neighbours

    @property
    def name(self):
        name = f"{self.workers} workers, {self.producers} callers" if self.workers else self.tasks
        if self.workload == "sleep":
            name += f", {self.tasks} tasks"
        return name + (f", beside {self.busy}" if self.busy else "")

    @property
    def median(self):
        return median(self.subject)

    @property
    def floor(self):
        return float(self.subject["floor"])

    def times(self, peer):
        return next((times(p) for p in self.peers if p["program"] == peer), None)

    def best_peer(self):
        return min(times(peer) for peer in self.peers)

    def with_peers(self, names):
        peers = [p for p in self.peers if p["program"] in names]
        return dataclasses.replace(self, peers=peers)


def median(record):
    """The figure; without one, the program has failed or did not end: that counts as for ever."""
    return float(record["median"] or math.inf)


def ran(record):
    """Whether the program ran, if not in time."""
    return record["median"] != "" or record["why_not"].startswith(DID_NOT_END)


def times(peer):
    return float(peer["times_the_subject"])


def tied(peer):
    return peer["tie"] == "1"


def shown(value):
    """A ratio, in at least two digits."""
    return f"{value:.2f}" if value == 0 or value >= 0.1 else f"{value:.2g}"


def described(peers):
    return ", ".join(f"{p['program']} {shown(times(p))}" for p in peers)


def figure(value):
    return f"{value:.2f}".removesuffix(".00")


def places(rows):
    """Those where a peer is faster by more than the spread, those where one ties, and a text about both."""
    behind, ties = [], []
    for row in rows:
        faster = [p for p in row.peers if not tied(p) and times(p) < 1]
        level = [p for p in row.peers if tied(p)]
        if row.median == math.inf:
            behind.append(f"{row.name}: {row.subject['why_not']}")
        elif faster:
            behind.append(f"{row.name}: {described(faster)}")
        elif level:
            ties.append(f"{row.name}: {described(level)}")
    found = [f"ahead in {len(rows) - len(behind) - len(ties)} of {len(rows)}"]
    found += [f"ties in {len(ties)} ({'; '.join(ties)})"] if ties else []
    found += [f"behind in {len(behind)} ({'; '.join(behind)})"] if behind else []
    return behind, ties, ", ".join(found)


def ahead(rows):
    """Whether every peer takes longer in every row, and by more than the spread."""
    behind, ties, found = places(rows)
    return NO if behind else TIE if ties else YES, found


def not_behind(rows):
    """Whether no peer is faster in any row by more than the spread."""
    behind, _, found = places(rows)
    return NO if behind else YES, found


def verdict(good, found):
    return YES if good else NO, found


def mean_of_best(least):
    def check(rows):
        best = [row.best_peer() for row in rows]
        mean = statistics.geometric_mean(best) if min(best) > 0 else 0
        return verdict(mean >= least, f"{mean:.2f} × (geometric mean of {len(rows)} rows)")
    return check


def peers_take(least, peer=None):
    """Whether that peer, or every peer, takes at least `least` times as long in every row."""
    def check(rows):
        all_times = [(row, row.times(peer) if peer else row.best_peer()) for row in rows]
        all_times = [(row, value) for row, value in all_times if value is not None]
        short = [f"{row.name}: {value:.2f}" for row, value in all_times if value < least]
        found = f"{len(all_times) - len(short)} of {len(all_times)} rows"
        return verdict(not short, found + (f" (not {'; '.join(short)})" if short else ""))
    return check


def takes_at_most(most, peer):
    """Whether antpool takes at most `most` times as long as that peer in every row."""
    def check(rows):
        found = [(row, 1 / row.times(peer) if row.times(peer) else math.inf) for row in rows]
        text = "; ".join(f"{row.name}: {figure(value)} ×{' (tie)' if tied(row.peers[0]) else ''}"
                         for row, value in found)
        return verdict(all(value <= most for _, value in found), text)
    return check


def at_most(most):
    def check(rows):
        return verdict(all(row.median <= most for row in rows),
                       "; ".join(figure(row.median) for row in rows))
    return check


def near_floor(most, touches=False):
    """Whether the figure is near what no pool can be faster than; first touches of stacks are part of that."""
    def check(rows):
        bound = lambda row: row.floor + (
            row.touch_ns * min(int(row.workers) / int(row.tasks), 1) if touches else 0)
        found = [f"{row.name}: {figure(row.median)}, {row.median / bound(row):.2f} × {bound(row):.0f}"
                 for row in rows]
        return verdict(all(row.median <= most * bound(row) for row in rows), "; ".join(found))
    return check


def cheap(most):
    """Whether each program of antpool takes at most `most` times what the cheapest peer takes."""
    def check(rows):
        found, good = [], True
        for row in rows:
            least = min(row.peers, key=median)
            for ours in (row.subject, *row.ours):
                good = good and median(ours) <= most * median(least)
                found.append(f"{ours['program']} {figure(median(ours) / median(least))} ×")
            found.append(f"{least['program']} {median(least):.0f}")
        return verdict(good, ", ".join(found))
    return check


def flat(most):
    def check(rows):
        medians = [row.median for row in rows]
        return verdict(max(medians) <= most * min(medians),
                       f"{max(medians) / min(medians):.2f} × from the cheapest to the dearest")
    return check


def slope(points):
    """Of n times the cost of one over n, in a log-log plot: 1 is linear, 2 quadratic."""
    return statistics.linear_regression(*zip(*((math.log(n), math.log(n * cost)) for n, cost in points)))[0]


GROWTH = {"growth-tasks": "tasks", "growth-workers": "workers", "growth-callers": "producers",
          "growth-threads": "workers", "growth-fibers": "workers"}


def grows(most):
    def check(rows):
        points = sorted((int(getattr(row, GROWTH[row.workload])), row.median) for row in rows)
        if any(cost == math.inf for _, cost in points):
            return NO, "; ".join(row.subject["why_not"] for row in rows if row.median == math.inf)
        found = slope(points)
        return verdict(found <= most, f"{found:.2f} from {points[0][0]:,} to {points[-1][0]:,}")
    return check


def does_not_collapse(most):
    """Whether the figure is at most `most` times the quiet one, or ahead of ants all the same."""
    def check(rows):
        bad, worst = [], 0
        for row in rows:
            ended = math.inf not in (row.median, row.quiet.median)
            slower = row.median / row.quiet.median if ended else math.inf
            ants = next((p for p in row.peers if p["program"] == "ants"), None)
            before_ants = ants is not None and not tied(ants) and times(ants) > 1
            worst = max(worst, slower)
            if slower > most and not before_ants:
                bad.append(f"{row.name}: {row.subject['why_not'] or f'{slower:.1f} ×'}")
        found = f"at most {figure(worst)} × the quiet figure" if worst < math.inf else ""
        return verdict(not bad, "; ".join(bad) or found)
    return check


@dataclasses.dataclass(frozen=True)
class Mark:
    workload: str
    text: str
    check: Callable
    queue: str = ""
    peers: tuple = ()  # only these count, if any are named
    where: Callable = lambda row: True
    compares: bool = False  # says nothing of a row without peers
    busy: bool = False  # is about the rows beside busy neighbours

    def rows(self, run):
        rows = [row for row in run[self.workload]
                if self.queue in ("", row.queue) and self.where(row) and (row.busy > 0) == self.busy]
        if self.peers:
            rows = [row.with_peers(self.peers) for row in rows]
        return [row for row in rows if row.peers] if self.compares else rows


def compared(*arguments, **options):
    return Mark(*arguments, compares=True, **options)


def of_ten_million(row):
    return int(row.tasks) >= 10**7


def of_fewer(row):
    return not of_ten_million(row)


NEVER_SLOWER_THAN = ("ants", "glib", "asio", "asio-bounded", "mutex-queue", "hand-off")
BUSY = [("empty", "unbounded"), ("empty", "1024"), ("empty", "none"), ("trip", ""), ("wake-p50", ""),
        ("wake-p99", ""), ("callers", ""), ("work-10us", ""), ("sleep", ""), ("parallel", "")]
WITH_TOUCHES = "at most 1.10 × (the floor + the first touches of its stacks)"

MARKS = [
    Mark("sleep", "at most 1.10 × the floor, 10⁷ tasks", near_floor(1.10), where=of_ten_million),
    *(Mark(workload, WITH_TOUCHES, near_floor(1.10, touches=True), where=of_fewer)
      for workload in ("sleep", "sleep-cold", "submit")),
    compared("sleep", "ahead of every peer", ahead),
    compared("sleep-1ms", "every peer takes 2 × as long", peers_take(2)),
    *(compared("empty", "ahead of every peer", ahead, queue) for queue in ("unbounded", "1024", "none")),
    *(compared("empty", "the best peer takes 2 × as long", mean_of_best(2), queue)
      for queue in ("unbounded", "1024", "none")),
    compared("empty", "ants takes 3 × as long", peers_take(3, "ants"), "none"),
    compared("empty", "ahead of hand-over under a lock", ahead, "none", ("hand-off",)),
    Mark("work-1us", "0.80 of perfect speed-up", at_most(500 / 0.80)),
    Mark("work-10us", "0.95 of perfect speed-up", at_most(5000 / 0.95)),
    *(compared(workload, "ahead of every peer", ahead)
      for workload in ("wake-p50", "wake-p99", "trip", "ramp", "ramp-fibers", "callers")),
    *(compared(workload, "not behind the mutex queue", not_behind, peers=("mutex-queue",), busy=busy)
      for workload in ("wake-p50", "wake-p99") for busy in (False, True)),
    Mark("fairness", "at most 4", at_most(4)),
    Mark("memory", "a page and 256 bytes for a fiber", at_most(4096 + 256)),
    Mark("memory-queued", "80 bytes for a queued task", at_most(80)),
    compared("memory-worker", "no more than glib", not_behind, peers=("glib",)),
    Mark("idle-wakeups", "none", at_most(0)),
    Mark("idle-cpu", "none", at_most(0)),
    compared("life", "at most 5 × glib", takes_at_most(5, "glib"), peers=("glib",)),
    *(Mark(workload, "flat within 1.5 ×", flat(1.5))
      for workload in ("growth-tasks", "growth-workers", "growth-callers")),
    *(Mark(workload, "log-log slope at most 1.1", grows(1.1)) for workload in GROWTH),
    *(compared(f"rare-{every}", "at most 2 × the cheapest peer", cheap(2))
      for every in ("20us", "100us", "1ms")),
    *(compared("zstd", "at most 1.05 × zstd's own pool", takes_at_most(1.05, "zstd"), busy=busy)
      for busy in (False, True)),
    *(compared(workload, "never slower than ants, GLib, Asio, the mutex queue", not_behind, queue,
               NEVER_SLOWER_THAN, busy=True) for workload, queue in BUSY),
    *(Mark(workload, "at most 10 × its quiet figure, or ahead of ants", does_not_collapse(10), queue,
           busy=True) for workload, queue in BUSY),
]


def compare_with(subject, peer):
    """A peer's record with its ratio, also if one of the two did not end."""
    if peer["times_the_subject"]:
        return peer
    return {**peer, "times_the_subject": median(peer) / median(subject), "tie": "0"}


def read(folder):
    """The rows of the run by their workload."""
    records = defaultdict(list)
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            records[(*(record[field] for field in KEY), int(record["busy"]))].append(record)
    touch_ns = min((median(r) for key, (r, *_) in records.items() if key[0] == "sleep-touch"),
                   default=math.nan)
    rows, quiet = defaultdict(list), {}
    for (*key, busy), (subject, *others) in sorted(records.items(), key=lambda item: item[0][-1]):
        if subject["why_not"].startswith(("cannot", "missing")):
            continue
        others = [compare_with(subject, record) for record in others
                  if ran(record) and not median(record) == median(subject) == math.inf]
        ours = [record for record in others if record["program"] in OURS]
        peers = [record for record in others if record["program"] not in OURS]
        row = Row(*key, busy, subject, ours, peers, touch_ns, quiet.get(tuple(key)))
        quiet.setdefault(tuple(key), row)
        rows[row.workload].append(row)
    return rows


def judge(folder):
    """A Markdown table of the marks that the run says something of, one line each."""
    run = read(folder)
    lines = ["| row | mark | found | met |", "| --- | --- | --- | --- |"]
    for mark in MARKS:
        rows = mark.rows(run)
        if not rows:
            continue
        met, found = mark.check(rows)
        where = f"`{mark.workload}`" + (f" queue={mark.queue}" if mark.queue else "")
        where += ", busy" if mark.busy else ""
        lines.append(f"| {where} | {mark.text} | {found} | {met} |")
    return "\n".join(lines)


def compare(folder):
    """A Markdown table of each row with both libraries, and whether the one is slower than the one before."""
    lines = ["| row | program | busy | before | after | before ÷ after | |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
    records = {}
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            key = (*(record[field] for field in KEY), record["busy"])
            records[*key, record["program"]] = record
    text = lambda r: r["why_not"] or (f"{float(r['median']):.6g} ({float(r['least']):.6g}.."
                                      f"{float(r['most']):.6g})")
    for (*key, busy, program), before in records.items():
        if not program.endswith(BEFORE):
            continue
        after = records[*key, busy, program.removesuffix(BEFORE)]
        before = compare_with(after, before)
        ratio = word = ""
        if ran(before) and ran(after) and not math.isnan(times(before)):
            ratio = shown(times(before))
            word = "tie" if tied(before) else "faster" if times(before) > 1 else "**slower**"
        lines.append(f"| {' '.join(filter(None, key))} | {after['program']} | {busy} | {text(before)} | "
                     f"{text(after)} | {ratio} | {word} |")
    return "\n".join(lines)
