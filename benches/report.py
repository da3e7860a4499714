"""What a run has found: a Markdown table for each row, and one CSV with everything."""

import csv
import datetime
import math
import os
import platform

from marks import KEY, shown
from programs import version


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines
                        if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def ratio(peer, subject):
    """How many times the figure of the subject; and whether the spreads overlap."""
    (least, most), (subject_least, subject_most) = peer.spread, subject.spread
    median = subject.median()
    times = peer.median() / median if median else math.inf
    return times, least <= subject_most and subject_least <= most


def figure(value):
    return f"{value:.2f}" if abs(value) < 10 and value != int(value) else f"{value:.0f}"


class Report:
    """Prints each row when it is done, and keeps it in two files."""

    COLUMNS = (*KEY, "busy", "program", "unit", "median", "least", "most", "rounds",
               "times_the_subject", "tie", "floor", "cpu_ns_per_task", "switches_per_1000_tasks",
               "why_not")

    def __init__(self, folder, options, programs):
        folder.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.folder = folder
        self.rows = self.finished() if options.resume else set()
        mode = "a" if self.rows else "w"
        self.markdown = open(folder / "table.md", mode, encoding="utf-8")
        self.file = open(folder / "results.csv", mode, encoding="utf-8", newline="")
        self.csv = csv.DictWriter(self.file, self.COLUMNS)
        if not self.rows:
            self.csv.writeheader()
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        versions = ", ".join(f"{key} {version(key)}" for key in
                             dict.fromkeys([p.version for p in programs] + ["g++", "go"]))
        self.machine = (f"- {datetime.date.today()}, {cpu_model()}, "
                        f"{len(os.sched_getaffinity(0))} usable CPUs, "
                        f"{platform.system()} {platform.release()}\n"
                        f"- versions: {versions}")
        if self.rows:
            return
        self.print(f"{self.machine}\n- load {load}")
        if options.busy:
            self.print("- *beside N busy*: while N other processes use the CPUs")
        self.print(f"- {options.tasks} tasks a run, five times as many where they sleep, unless "
                   f"a row says otherwise; {options.rounds} "
                   "alternating rounds; median of the rounds, spread from the least to the most\n")

    def finished(self):
        """What an earlier run has left in the CSV: the keys of its rows, with each program."""
        try:
            with open(self.folder / "results.csv", encoding="utf-8", newline="") as file:
                return {(*(record[field] for field in KEY), record["program"])
                        for record in csv.DictReader(file)}
        except FileNotFoundError:
            return set()

    def key(self, row):
        key = {field: getattr(row, field, "") for field in KEY}
        key["tasks"] = row.tasks_of(self.options)
        return key

    def has(self, row):
        return (*map(str, self.key(row).values()), row.subject) in self.rows

    def print(self, text=""):
        print(text, flush=True)
        print(text, file=self.markdown, flush=True)

    def head(self, row, load):
        """The columns of one load, without the column of the programs."""
        if load:
            return [f"beside {load} busy", "spread", f"÷ {row.subject}", "÷ quiet"]
        head = [row.unit, "spread", f"÷ {row.subject}"] + (["÷ floor"] if row.floor else [])
        counts = row.counted(self.options) is not None
        return head + (["CPU ns per task", "switches per 1000 tasks"] if counts else [])

    def add(self, row, results):
        """The results are by program and then by load, the number of busy neighbours."""
        heads = {load: self.head(row, load) for load in results[row.subject]}
        head = ["program", *(cell for cells in heads.values() for cell in cells)]
        self.print(f"### {row.name}\n")
        if row.floor:
            self.print(f"No pool can be faster than {figure(row.floor)} {row.unit}.\n")
        self.print(f"| {' | '.join(head)} |\n| --- " + "| ---: " * (len(head) - 1) + "|")
        for name, by_load in results.items():
            line = [name]
            for load, result in by_load.items():
                cells = self.cells(row, name, load, result, results[row.subject][load], by_load[0])
                line += cells + [""] * (len(heads[load]) - len(cells))
            self.print(f"| {' | '.join(line)} |")
        self.print()

    def cells(self, row, name, load, result, subject, quiet):
        record = {**self.key(row), "busy": load, "program": name, "unit": row.unit,
                  "floor": row.floor or "", "why_not": result.why_not}
        if result.why_not:
            self.csv.writerow(record)
            return [result.why_not] if load == 0 or result.failed else []
        least, most = result.spread
        median = result.median()
        rounds = len(result.samples)
        fewer = f" ({rounds} rounds)" if rounds < self.options.rounds else ""
        cells = [figure(median), f"{figure(least)}..{figure(most)}{fewer}"]
        record.update(median=median, least=least, most=most, rounds=rounds)
        if result is subject or subject.why_not:
            cells.append("")
        else:
            times, tie = ratio(result, subject)
            cells.append(f"tie ({shown(times)})" if tie else shown(times))
            record.update(times_the_subject=f"{times:.4g}", tie=int(tie))
        if load:
            cells.append("" if quiet.why_not else shown(ratio(result, quiet)[0]))
        elif row.floor:
            cells.append(f"{median / row.floor:.2f}")
        if row.counted(self.options) is not None:
            cpu, switches = result.median("cpu_ns"), result.median("switches")
            cells += [f"{cpu:.0f}", f"{switches:.1f}"] if load == 0 else []
            record.update(cpu_ns_per_task=round(cpu, 1), switches_per_1000_tasks=round(switches, 1))
        self.csv.writerow(record)
        self.file.flush()
        return cells

    def close(self, title, judge):
        """Adds what the rows say together."""
        self.file.close()
        self.print(f"### {title}\n\n{judge(self.folder)}")
        self.markdown.close()
