"""The rows of the benchmark: what is measured, with which parameters, and who takes part."""

import dataclasses
import os

from programs import BEFORE, OURS, SUBJECT, SUBJECT_FIBER

CPUS = len(os.sched_getaffinity(0))


@dataclasses.dataclass(frozen=True)
class Row:
    """Tasks through a pool. c/bench.h and c/measures.h say what the measures and bodies are."""

    workload: str
    queue: str  # "unbounded", "none", a number, or "own": what the pool has by itself
    workers: int
    producers: int
    peers: tuple
    quick: bool = False
    subject: str = SUBJECT
    measure: str = "all"
    body: str = "empty"
    unit: str = "ns per task"
    tasks: int = 0  # 0: as many as are asked for,
    times: int = 1  # times this
    quick_tasks: int = 0  # the same for --quick, if it is less
    warm_up: float = 0.1  # this part of the tasks runs before the clock starts
    busy: bool = False  # measured beside busy neighbours too, where they are asked for
    build = ""

    @property
    def name(self):
        size = f" tasks={self.tasks}" if self.tasks else ""
        return (f"{self.workload} queue={self.queue} workers={self.workers} "
                f"producers={self.producers}{size}")

    def for_quick(self):
        return dataclasses.replace(self, tasks=self.quick_tasks or self.tasks)

    def tasks_of(self, options):
        return self.tasks or options.tasks * self.times

    def arguments(self, program, options):
        """Those after the name of the pool."""
        tasks = self.tasks_of(options)
        queue = program.queue if self.queue == "own" else self.queue
        return [queue, tasks, self.workers, self.producers, self.measure, self.body,
                int(tasks * self.warm_up)]

    def counted(self, options):
        """How many tasks are in what the system counts, the warm-up with them."""
        if self.measure not in ("all", "submit", "trip"):
            return None
        return self.tasks_of(options) * (1 + self.warm_up)

    @property
    def floor(self):
        """What no pool can be faster than, in ns per task."""
        kind, _, amount = self.body.partition("=")
        if kind == "sleep":
            return int(amount) * 1e6 / self.workers
        if kind == "work":
            return int(amount) / min(self.workers, CPUS)
        return None


@dataclasses.dataclass(frozen=True)
class Cost:
    """One figure of a program that knows by itself how often to do what it measures."""

    workload: str
    count: int
    what: str  # is counted
    unit: str
    peers: tuple
    quick: bool = False
    subject: str = SUBJECT_FIBER
    build: str = ""  # the program, if it is not the one of the pool
    quick_count: int = 0  # the same for --quick, if it is less
    busy: bool = False
    floor = None

    @property
    def name(self):
        return f"{self.workload} {self.what}={self.count}"

    def for_quick(self):
        return dataclasses.replace(self, count=self.quick_count or self.count)

    def tasks_of(self, _options):
        return self.count

    def arguments(self, _program, _options):
        return [self.workload, self.count]

    def counted(self, _options):
        return None


def alone(row):
    """Without the peers that are not antpool's."""
    return dataclasses.replace(row, peers=tuple(name for name in row.peers if name in OURS))


def against(row):
    """Each program of ours in the row by itself, with the library of --against as its only peer."""
    return [dataclasses.replace(row, subject=name, peers=(name + BEFORE,))
            for name in (row.subject, *row.peers) if name in OURS]


QUEUES = {
    "unbounded": ("glib", "asio", "tbb-group", "tbb-enqueue", "apr", "libuv", "rayon", "threadpool",
                  "tokio-blocking", "mutex-queue"),
    "1024": ("asio-bounded", "hand-off", "go-channel"),
    "none": ("ants", "go-channel", "goroutines-bounded", "asio-bounded", "hand-off"),
}
EVERYBODY = (*QUEUES["unbounded"], "ants", "go-channel")
SLEEPERS = ("antpool-fiber-1", "ants", "goroutines", "goroutines-bounded", "tokio", "may",
            "boost-fiber", "boost-fiber-shared")
RARE = ("antpool-fiber", "glib", "asio", "mutex-queue", "ants")
STACKFUL = ("goroutines", "tokio", "may", "boost-fiber")
TIMERS = ("goroutines", "tokio")
SIZES = [(workers, producers) for workers in (2, 8, 100, 1000) for producers in (1, 4, 16)]
FIBER_SIZES = [(2, 1), (2, 4), (8, 1), (100, 1)]
QUICK = (2, 1)


def powers(least, most):
    return [10**n for n in range(least, most + 1)]


SLEEPS = {"subject": SUBJECT_FIBER, "body": "sleep=10", "times": 5}
ROWS = [
    # W1: the workload that ants publishes; shorter sleeps; and what its stacks have to cost.
    Row("sleep", "none", 50000, 1, SLEEPERS, True, busy=True, **SLEEPS),
    Row("sleep-cold", "none", 50000, 1, SLEEPERS, warm_up=0, **SLEEPS),
    Row("sleep", "none", 50000, 1, SLEEPERS, tasks=10**7, warm_up=0.01, **SLEEPS),
    Row("sleep-1ms", "none", 50000, 1, SLEEPERS, True, **{**SLEEPS, "body": "sleep=1"}),
    Cost("sleep-touch", 50000, "pages", "ns per page", (), True, "kernel"),
    # W2: empty tasks; and what fibers and the C++ header add to them.
    *(Row("empty", queue, *size, peers, quick=size == QUICK, busy=True)
      for queue, peers in QUEUES.items() for size in SIZES),
    *(Row("empty-fibers", queue, *size, ("antpool-fiber", "antpool-fiber-1"), quick=size == QUICK)
      for queue in ("unbounded", "none") for size in FIBER_SIZES),
    *(Row("closure", "unbounded", 1, 1, (twin,), quick=True, subject=subject)
      for subject, twin in (("c-0", "hpp-0"), ("c-8", "hpp-8"), ("c-32", "hpp-32"))),
    # W3: tasks that work.
    *(Row(f"work-{us}us", "own", CPUS, 1, EVERYBODY, us == 10, body=f"work={us * 1000}",
          tasks=10**5, quick_tasks=10**4, busy=us == 10) for us in (1, 10, 100)),
    # W4, W5: latency.
    *(Row(percentile, "own", 2, 1, EVERYBODY, percentile == "wake-p50", measure=percentile,
          unit="ns", tasks=2000, quick_tasks=300, busy=True)
      for percentile in ("wake-p50", "wake-p99")),
    Row("trip", "own", 2, 1, EVERYBODY, True, measure="trip", tasks=10**5, quick_tasks=5000,
        unit="ns", busy=True),
    # W6: as many tasks as workers, all at once.
    Row("ramp", "own", 1000, 1, ("glib", "ants", "tokio-blocking"), True, measure="ramp",
        tasks=1000, warm_up=0),
    Row("ramp-fibers", "none", 10**5, 1, ("ants", "goroutines", "tokio"), subject=SUBJECT_FIBER,
        measure="ramp", tasks=10**5, warm_up=0),
    # W7: the time until all is submitted.
    Row("submit", "none", 50000, 1, ("antpool-fiber-1", "ants"), measure="submit", **SLEEPS),
    # W8: memory.
    Row("memory-pool", "own", 1000, 1, ("glib", "ants"), measure="memory-pool", tasks=1000,
        unit="bytes per pool", warm_up=0),
    Row("memory-worker", "own", 1000, 1, ("glib", "ants"), measure="memory-worker", tasks=1000,
        unit="bytes per worker", warm_up=0),
    Row("memory-queued", "unbounded", 1, 1, QUEUES["unbounded"], measure="memory-queued",
        tasks=10**6, unit="bytes per task", warm_up=0),
    Cost("memory", 10**5, "fibers", "bytes per fiber", STACKFUL, quick=True),
    Cost("memory", 10**6, "fibers", "bytes per fiber", STACKFUL),
    # W9: callers that wait.
    *(Row("callers", "none", 2, producers, ("ants", "asio-bounded", "hand-off"), producers == 16,
          busy=True) for producers in (1, 16, 64)),
    *(Row("fairness", "none", 2, producers, ("ants", "asio-bounded", "hand-off"), producers == 16,
          measure="fairness", unit="most ÷ least placed", tasks=2000,
          quick_tasks=1000) for producers in (16, 64)),
    # W10: nothing.
    Cost("idle-wakeups", 10, "seconds", "switches", (), True, SUBJECT, "idle", quick_count=2),
    Cost("idle-cpu", 10, "seconds", "ns of CPU", (), False, SUBJECT, "idle"),
    # W11: loops. The rows `parallel` come here, with busy=True.
    # W12: life and load.
    Row("life", "own", 2, 1, ("glib", "ants", "asio", "threadpool"), True, measure="life",
        tasks=10**4, unit="ns per pool", warm_up=0),
    Cost("load", 1, "time", "ns", ("glib", "tbb-group", "libuv", "apr"), True, SUBJECT, "load"),
    # What fibers cost.
    *(Cost("yield", fibers, "fibers", "ns per yield", STACKFUL, quick=fibers == 1)
      for fibers in (1, 2, 1000)),
    Cost("cycle", 1000, "fibers", "CPU ns per sleep", STACKFUL, quick=True),
    Cost("lateness-p50", 10, "fibers", "ns late", TIMERS, quick=True),
    Cost("lateness-p99", 10, "fibers", "ns late", TIMERS),
    # W13: growth.
    *(Row("growth-tasks", "unbounded", 2, 1, (), tasks=tasks) for tasks in powers(3, 7)),
    *(Row("growth-workers", "unbounded", workers, 1, ()) for workers in (*powers(0, 4), 16000)),
    *(Row("growth-callers", "none", 2, callers, ()) for callers in powers(0, 4)),
    *(Row("growth-threads", "none", threads, 1, (), measure="ramp", tasks=threads, warm_up=0)
      for threads in (*powers(1, 4), 16000)),
    *(Row("growth-fibers", "none", fibers, 1, (), subject=SUBJECT_FIBER, measure="ramp",
          tasks=fibers, warm_up=0) for fibers in powers(2, 6)),
    # W18: tasks that come one by one.
    *(Row(f"rare-{name}", "own", 4, 1, RARE, us == 100, measure=f"rare={us}", tasks=tasks,
          quick_tasks=tasks // 10, unit="ns of CPU per task")
      for us, name, tasks in ((20, "20us", 20000), (100, "100us", 10000), (1000, "1ms", 1000))),
    # A program that has a pool of its own, and antpool in its place.
    Cost("zstd", 256, "MiB", "ms", ("zstd",), True, "zstd-antpool", quick_count=32, busy=True),
]
