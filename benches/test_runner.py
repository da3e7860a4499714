#!/usr/bin/env python3
"""What benches/run promises of itself: busy processes end, no program holds it up, marks say what was found."""

import argparse
import contextlib
import csv
import importlib.machinery
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
import marks  # noqa: E402
from processes import neighbours  # noqa: E402
from programs import BENCHES, BUILDERS  # noqa: E402
from report import Report  # noqa: E402
from rows import Cost, Row, against  # noqa: E402
from summary import summarize  # noqa: E402

loader = importlib.machinery.SourceFileLoader("run", str(BENCHES / "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
sys.modules["run"] = run
loader.exec_module(run)

STUCK = 60  # seconds


def running():
    """The processes that run, with the parent of each."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[:2]
            if state not in "ZX":
                found[int(stat.parent.name)] = int(parent)
    return found


def children(parent):
    return {pid for pid, its_parent in running().items() if its_parent == parent}


def wait_until(condition):
    end = time.monotonic() + STUCK
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it took a minute")
        time.sleep(0.01)


class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.busy = BUILDERS["busy"](pathlib.Path(cls.folder.name), None)
        # A runner beside which two busy processes and one other program run.
        cls.runner = (
            "import signal, subprocess, sys\n"
            "sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True\n"
            "from processes import child_options, neighbours\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "with neighbours(2, sys.argv[2]):\n"
            "    subprocess.run(['sh', '-c', 'echo up; exec sleep 60'], **child_options())\n")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_there_are_as_many_busy_ones_as_asked_for_until_the_block_is_left(self):
        with neighbours(2, self.busy):
            pids = children(os.getpid())
            self.assertEqual(len(pids), 2)
        self.assertFalse(pids & running().keys())

    def test_busy_ones_have_every_cpu_and_the_usual_priority(self):
        with neighbours(1, self.busy):
            (pid,) = children(os.getpid())
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), os.getpriority(os.PRIO_PROCESS, 0))
            self.assertEqual(os.sched_getaffinity(pid), os.sched_getaffinity(0))

    def test_busy_ones_end_when_the_block_is_left_by_an_error(self):
        pids = set()
        with self.assertRaises(ZeroDivisionError), neighbours(2, self.busy):
            pids = children(os.getpid())
            self.assertEqual(len(pids), 2)
            raise ZeroDivisionError
        self.assertFalse(pids & running().keys())

    def ended_by(self, number):
        command = [sys.executable, "-c", self.runner, str(BENCHES), str(self.busy)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as runner:
            self.assertEqual(runner.stdout.readline(), b"up\n")
            pids = children(runner.pid)
            self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in pids & running().keys()])
            self.assertEqual(len(pids), 3)
            runner.send_signal(number)
            runner.wait(STUCK)
        wait_until(lambda: not pids & running().keys())

    def test_all_end_when_the_runner_is_interrupted(self):
        self.ended_by(signal.SIGINT)

    def test_all_end_when_the_runner_is_killed(self):
        self.ended_by(signal.SIGKILL)


class Measure(unittest.TestCase):
    """Programs that are scripts stand in for pools."""

    OPTIONS = argparse.Namespace(busy=[], rounds=2, limit=STUCK, patience=6, tasks=10,
                                 build=pathlib.Path("nowhere"))
    ROW = Row("trip", "own", 2, 1, ("asio",), subject="glib", measure="trip")

    def measure(self, row=ROW, limit=STUCK, **scripts):
        options = argparse.Namespace(**{**vars(self.OPTIONS), "limit": limit})
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for name, script in scripts.items():
                paths[name] = pathlib.Path(folder) / name
                paths[name].write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
                paths[name].chmod(0o755)
            missing = {} if "asio" in scripts else {"asio": "not here"}
            return run.measure(row, paths, missing, options)

    def test_a_program_that_does_not_end_is_named_and_holds_nobody_up(self):
        results = self.measure(limit=5, glib="echo glib trip 7", asio=f"exec sleep {STUCK}")
        self.assertEqual(results["asio"][0].why_not, "did not end in 5 s")
        self.assertTrue(results["asio"][0].failed)
        self.assertEqual([s.figure for s in results["glib"][0].samples], [7, 7])

    def test_a_program_that_fails_cannot_or_is_missing_is_named(self):
        failed = self.measure(glib="echo glib trip 7", asio="echo bench: broken >&2; exit 1")
        self.assertEqual(failed["asio"][0].why_not, "failed: bench: broken")
        cannot = self.measure(glib="echo glib trip 7", asio="echo bench: too few >&2; exit 2")
        self.assertEqual(cannot["asio"][0].why_not, "cannot: too few")
        self.assertFalse(cannot["asio"][0].failed)
        self.assertEqual(self.measure(glib="echo glib trip 7")["asio"][0].why_not, "missing: not here")

    def test_a_program_with_another_output_than_the_others_has_failed(self):
        results = self.measure(Cost("zstd", 1, "MiB", "ms", ("asio",), subject="glib"),
                               glib="echo glib zstd 1 cafe 7", asio="echo asio zstd 1 c0de 6")
        self.assertEqual(results["glib"][0].why_not, "")
        self.assertTrue(results["asio"][0].why_not.startswith("failed: it says"))


def record(program, figures, row=None, busy=0, **fields):
    """A line of results.csv; `figures` are the least, the median and the most, or why there are none."""
    line = dict.fromkeys(Report.COLUMNS, "")
    line.update(workload="trip", queue="own", workers=2, producers=1, tasks=1000, busy=busy,
                program=program, unit="ns")
    line.update(row or {}, **fields)
    if isinstance(figures, str):
        line["why_not"] = figures
    else:
        line["least"], line["median"], line["most"] = figures
    return line


def written(records):
    """The folder of a run that has found these; the first of a row is its subject."""
    folder = tempfile.TemporaryDirectory()
    subjects = {}
    with open(pathlib.Path(folder.name) / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, Report.COLUMNS)
        table.writeheader()
        for line in records:
            subject = subjects.setdefault((*(line[field] for field in marks.KEY), line["busy"]), line)
            if line is not subject and line["median"] and subject["median"]:
                line["times_the_subject"] = line["median"] / subject["median"]
                line["tie"] = int(line["least"] <= subject["most"] and subject["least"] <= line["most"])
            table.writerow(line)
    return folder


def judged(*records):
    """The verdict on each mark, by row and mark."""
    with written(records) as folder:
        lines = marks.judge(pathlib.Path(folder)).splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {(row, mark): (met, found) for row, mark, found, met in cells}


AHEAD = ("`trip`", "ahead of every peer")
NEVER_SLOWER = ("`trip`, busy", "never slower than ants, GLib, Asio, the mutex queue")
NO_COLLAPSE = ("`trip`, busy", "at most 10 × its quiet figure, or ahead of ants")


class Marks(unittest.TestCase):
    QUIET = record("antpool", (90, 100, 110))

    def met(self, mark, *records):
        return judged(*records)[mark][0]

    def test_spreads_that_overlap_are_a_tie(self):
        self.assertEqual(self.met(AHEAD, self.QUIET, record("ants", (120, 130, 140))), marks.YES)
        self.assertEqual(self.met(AHEAD, self.QUIET, record("ants", (100, 130, 140))), marks.TIE)
        self.assertEqual(self.met(AHEAD, self.QUIET, record("ants", (60, 70, 80))), marks.NO)

    def test_a_peer_that_does_not_end_is_behind(self):
        self.assertEqual(self.met(AHEAD, self.QUIET, record("ants", "did not end in 300 s")), marks.YES)

    def test_antpool_is_behind_where_it_does_not_end(self):
        found = judged(record("antpool", "did not end in 300 s"), record("ants", (120, 130, 140)))
        self.assertEqual(found[AHEAD][0], marks.NO)
        self.assertIn("did not end in 300 s", found[AHEAD][1])

    def test_a_tie_meets_the_mark_beside_busy_neighbours_and_who_is_named_counts(self):
        busy = record("antpool", (180, 200, 220), busy=2)
        self.assertEqual(self.met(NEVER_SLOWER, self.QUIET, busy, record("glib", (150, 160, 190), busy=2)),
                         marks.YES)
        self.assertEqual(self.met(NEVER_SLOWER, self.QUIET, busy, record("glib", (150, 160, 170), busy=2)),
                         marks.NO)
        self.assertEqual(self.met(NEVER_SLOWER, self.QUIET, busy, record("glib", (250, 260, 270), busy=2),
                                  record("rayon", (1, 1, 1), busy=2)), marks.YES)
        self.assertNotIn(NEVER_SLOWER, judged(self.QUIET, record("glib", (1, 1, 1))))

    def test_ten_times_the_quiet_figure_is_a_collapse_unless_ants_is_behind(self):
        slow, slower = (record("antpool", (figure, figure, figure), busy=2) for figure in (990, 1010))
        ants = lambda figure: record("ants", (figure, figure, figure), busy=2)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, slow), marks.YES)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, slower), marks.NO)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, slower, ants(500)), marks.NO)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, slower, ants(1020)), marks.YES)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, slower, ants(1010)), marks.NO)
        late = record("antpool", "did not end in 30 s", busy=2)
        self.assertEqual(self.met(NO_COLLAPSE, self.QUIET, late, ants(1020)), marks.NO)

    def test_first_touches_belong_to_the_floor_of_fewer_than_ten_million_sleepers(self):
        few, many = {"workload": "sleep", "workers": 50000, "tasks": 10**6, "floor": 200}, {}
        many.update(few, tasks=10**7)
        touch = record("kernel", (2000, 2000, 2000), {"workload": "sleep-touch", "tasks": 50000})
        mark = ("`sleep`", marks.WITH_TOUCHES)
        ours = lambda figure, row: record("antpool-fiber", (figure, figure, figure), row)
        self.assertEqual(self.met(mark, ours(330, few), touch), marks.YES)
        self.assertEqual(self.met(mark, ours(331, few), touch), marks.NO)
        found = judged(ours(300, few), ours(221, many), touch)
        self.assertEqual(found["`sleep`", "at most 1.10 × the floor, 10⁷ tasks"][0], marks.NO)
        self.assertEqual(found[mark][0], marks.YES)

    def test_every_program_of_antpool_has_to_be_cheap(self):
        mark, row = ("`rare-1ms`", "at most 2 × the cheapest peer"), {"workload": "rare-1ms"}
        ours, glib = record("antpool", (190, 190, 190), row), record("glib", (100, 100, 100), row)
        fiber = lambda figure: record("antpool-fiber", (figure, figure, figure), row)
        self.assertEqual(self.met(mark, ours, fiber(200), glib), marks.YES)
        self.assertEqual(self.met(mark, ours, fiber(201), glib), marks.NO)

    def test_zstd_may_take_a_twentieth_longer(self):
        row, mark = {"workload": "zstd", "workers": ""}, "at most 1.05 × zstd's own pool"
        ours, zstd = record("zstd-antpool", (104, 104, 104), row), record("zstd", (100, 100, 100), row)
        self.assertEqual(self.met(("`zstd`", mark), ours, zstd), marks.YES)
        found = judged(ours, zstd, record("zstd-antpool", (106, 106, 106), row, 2),
                       record("zstd", (100, 100, 107), row, 2))
        self.assertEqual(found["`zstd`, busy", mark][0], marks.NO)
        self.assertIn("(tie)", found["`zstd`, busy", mark][1])

    def test_the_slope_tells_linear_from_quadratic(self):
        self.assertAlmostEqual(marks.slope([(n, 5) for n in (10, 100, 1000)]), 1)
        self.assertAlmostEqual(marks.slope([(n, 5 * n) for n in (10, 100, 1000)]), 2)
        mark = ("`growth-fibers`", "log-log slope at most 1.1")
        grown = lambda power: [record("antpool-fiber", (1, 5 * n**power, 10**9),
                                      {"workload": "growth-fibers", "workers": n}) for n in (10, 100, 1000)]
        self.assertEqual(self.met(mark, *grown(0.09)), marks.YES)
        self.assertEqual(self.met(mark, *grown(0.11)), marks.NO)


class BeforeAndAfter(unittest.TestCase):
    def test_each_program_of_ours_is_compared_with_itself(self):
        row = Row("rare-1ms", "own", 4, 1, ("antpool-fiber", "glib"))
        self.assertEqual([(one.subject, one.peers) for one in against(row)],
                         [("antpool", ("antpool (before)",)),
                          ("antpool-fiber", ("antpool-fiber (before)",))])

    def test_what_got_slower_by_more_than_the_spread_is_said(self):
        after = record("antpool", (90, 100, 110))
        for before, word in (((60, 70, 80), "**slower**"), ((60, 70, 90), "tie"),
                             ((120, 130, 140), "faster"), ("did not end in 30 s", "faster"),
                             ("failed: broken", "")):
            with written([after, record("antpool (before)", before)]) as folder:
                self.assertTrue(marks.compare(pathlib.Path(folder)).endswith(f"| {word} |"))


class Summary(unittest.TestCase):
    def test_quiet_and_busy_stand_side_by_side(self):
        with written([record("antpool", (90, 100, 110)), record("ants", (190, 200, 210)),
                      record("antpool", (900, 1000, 1100), busy=2),
                      record("ants", "did not end in 30 s", busy=2)]) as folder:
            text = summarize(pathlib.Path(folder))
        self.assertIn("| submit one task and wait for it | 100 ns, ants 2 | 1000 ns, ants did not end |", text)


if __name__ == "__main__":
    unittest.main()
