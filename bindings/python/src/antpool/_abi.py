"""The C interface: constants, records and functions of ``antpool.h``, as ctypes sees them."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, NamedTuple, Tuple

from . import _library

OK = 0
CLOSED = 2
OVERLOAD = 3
TIMED_OUT = 4
DEADLOCK = 13

#: What `Stats.rejected` counts: OVERLOAD, SPAWN, NO_MEMORY, DEADLOCK.
REJECTIONS = frozenset({OVERLOAD, 11, 12, DEADLOCK})

#: ``antpool_priority_t``.
PRIORITIES = {"normal": 0, "high": 1, "low": 2}

WAIT_FOREVER = 2**64 - 1
UNLIMITED = -1
QUEUE_UNBOUNDED = ctypes.c_size_t(-1).value
COPY_MAX = 32

# Python's own callbacks are given numbers, never addresses of Python objects: a number that means
# nothing any more is looked up in vain, where a stale address would be followed.
TASK = ctypes.CFUNCTYPE(None, c_size_t)
PANIC = ctypes.CFUNCTYPE(None, c_size_t, c_void_p)
LOG = ctypes.CFUNCTYPE(None, c_size_t, c_int, c_char_p)
WORKER = ctypes.CFUNCTYPE(None, c_size_t, c_void_p, c_size_t)

#: What every ctypes function pointer is, whatever library and prototype it comes from.
FUNCTION_POINTER = TASK.__mro__[1]


class Options(ctypes.Structure):
    """``antpool_options_t``; zero is the default everywhere."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("expiry_ms", c_int64),
        ("disable_purge", c_bool),
        ("pre_alloc", c_bool),
        ("nonblocking", c_bool),
        ("abort_on_panic", c_bool),
        ("worker_kind", c_uint32),
        ("max_blocking_tasks", c_size_t),
        ("queue_capacity", c_size_t),
        ("min_workers", c_size_t),
        ("carriers", c_size_t),
        ("max_block_threads", c_size_t),
        ("stack_size", c_size_t),
        ("name", c_char_p),
        ("panic_handler", PANIC),
        ("panic_data", c_size_t),
        ("logger", LOG),
        ("logger_data", c_size_t),
        ("on_worker_start", WORKER),
        ("on_worker_stop", WORKER),
        ("worker_data", c_size_t),
        ("cpus", POINTER(c_uint32)),
        ("cpu_count", c_size_t),
        ("nice_increment", c_int),
        ("reserved", c_uint32),
    ]


class PanicInfo(ctypes.Structure):
    """``antpool_panic_info_t``."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("pool", c_void_p),
        ("fn", c_void_p),
        ("arg", c_void_p),
        ("message", c_char_p),
    ]


class Stats(NamedTuple):
    """One consistent look at a pool; the counters count since it was made."""

    capacity: int  #: the most workers; -1 means no limit
    running: int  #: live workers, busy and idle
    busy: int  #: workers with a task
    idle: int  #: workers without one
    queued: int  #: accepted tasks that no worker is there for yet
    waiting: int  #: callers that wait to submit
    peak_running: int  #: the most that ``running`` has been
    peak_waiting: int  #: the most that ``waiting`` has been
    submitted: int  #: tasks accepted
    completed: int  #: tasks finished, failed ones included
    panicked: int  #: tasks that failed
    canceled: int  #: tasks canceled before they ran
    rejected: int  #: submits that were turned away
    timed_out: int  #: submits that ended with TimedOutError
    spawned: int  #: workers started
    purged: int  #: workers that left because they had expired or were surplus
    lost: int  #: threads that a task ended
    spawn_failures: int  #: how often the system refused a thread
    queue_time_total_ns: int  #: from acceptance to start, summed over the sampled tasks
    queue_time_max_ns: int  #: the longest of them
    queue_time_samples: int  #: how many tasks were sampled
    queue_time_counts: Tuple[int, ...]  #: the same by powers of two, from 64 ns on
    run_time_total_ns: int  #: how long the sampled tasks ran, summed
    run_time_max_ns: int  #: the longest of them
    run_time_samples: int  #: how many of them have ended
    run_time_counts: Tuple[int, ...]  #: the same by powers of two, from 64 ns on


class StatsRecord(ctypes.Structure):
    """``antpool_stats_t``: its size, then the fields of `Stats`, the first eight of them signed."""

    _fields_ = [("struct_size", c_size_t)] + [
        (name, c_uint64 * 32 if "counts" in name else c_int64 if position < 8 else c_uint64)
        for position, name in enumerate(Stats._fields)
    ]


class _Calls:
    """The functions of the library as attributes, without their ``antpool_``.

    A call that may wait is made without the GIL, so that other Python threads run meanwhile. A
    call that never waits keeps it: taking it again would cost more than the call, up to the
    interpreter's switch interval when other threads are busy.
    """

    def __init__(self) -> None:
        self._giving_way = _library.load()
        self._keeping = ctypes.PyDLL(self._giving_way._name)

        size, pool, group, argument = c_size_t, c_void_p, c_void_p, c_void_p
        lane = c_void_p
        options, out, count = POINTER(Options), POINTER(c_void_p), POINTER(c_size_t)

        self.new = self._waits("new", c_int64, options, out)
        self.new_with_func = self._waits("new_with_func", c_int64, c_void_p, options, out)
        self.submit = self._waits("submit", pool, c_void_p, argument)
        self.submit_timeout = self._waits("submit_timeout", pool, c_void_p, argument, c_uint64)
        self.submit_with_priority = self._waits(
            "submit_with_priority", pool, c_void_p, argument, c_uint32
        )
        self.submit_with_priority_timeout = self._waits(
            "submit_with_priority_timeout", pool, c_void_p, argument, c_uint32, c_uint64
        )
        self.submit_copy = self._waits("submit_copy", pool, c_void_p, c_void_p, size)
        self.submit_batch = self._waits("submit_batch", pool, c_void_p, c_void_p, size, count)
        self.invoke = self._waits("invoke", pool, argument)
        self.invoke_timeout = self._waits("invoke_timeout", pool, argument, c_uint64)
        self.invoke_batch = self._waits("invoke_batch", pool, c_void_p, size, count)
        self.wait_timeout = self._waits("wait_timeout", pool, c_uint64)
        self.release = self._waits("release", pool)
        self.release_timeout = self._waits("release_timeout", pool, c_uint64)
        self.reboot = self._waits("reboot", pool)
        self.tune = self._waits("tune", pool, c_int64)
        self.destroy = self._waits("destroy", pool)
        self.pause = self._waits("pause", pool)
        self.resume = self._waits("resume", pool)
        self.trim = self._waits("trim", pool)
        self.set_expiry = self._waits("set_expiry", pool, c_int64)
        self.dump = self._waits("dump", pool, c_int)

        self.group_new = self._waits("group_new", out)
        self.group_submit = self._waits("group_submit", group, pool, c_void_p, argument)
        self.group_submit_timeout = self._waits(
            "group_submit_timeout", group, pool, c_void_p, argument, c_uint64
        )
        self.group_submit_batch = self._waits(
            "group_submit_batch", group, pool, c_void_p, c_void_p, size, count
        )
        self.group_wait_timeout = self._waits("group_wait_timeout", group, c_uint64)
        self.try_group_submit = self._never("try_group_submit", group, pool, c_void_p, argument)
        self.group_add = self._never("group_add", group, c_int64)
        self.group_done = self._never("group_done", group)
        self.group_cancel = self._never("group_cancel", group, c_void_p)
        self.group_destroy = self._never("group_destroy", group)

        self.lane_new = self._waits("lane_new", pool, size, out)
        self.lane_submit = self._waits("lane_submit", lane, c_void_p, argument)
        self.lane_submit_timeout = self._waits(
            "lane_submit_timeout", lane, c_void_p, argument, c_uint64
        )
        self.lane_wait_timeout = self._waits("lane_wait_timeout", lane, c_uint64)
        self.try_lane_submit = self._never("try_lane_submit", lane, c_void_p, argument)
        self.lane_running = self._never("lane_running", lane, result=c_int64)
        self.lane_queued = self._never("lane_queued", lane, result=c_int64)
        self.lane_cancel = self._never("lane_cancel", lane, c_void_p)
        self.lane_destroy = self._never("lane_destroy", lane)

        self.try_submit = self._never("try_submit", pool, c_void_p, argument)
        self.try_submit_with_priority = self._never(
            "try_submit_with_priority", pool, c_void_p, argument, c_uint32
        )
        self.try_submit_copy = self._never("try_submit_copy", pool, c_void_p, c_void_p, size)
        self.try_submit_batch = self._never(
            "try_submit_batch", pool, c_void_p, c_void_p, size, count
        )
        self.try_invoke = self._never("try_invoke", pool, argument)
        self.get_stats = self._never("get_stats", pool, POINTER(StatsRecord))
        self.capacity = self._never("capacity", pool, result=c_int64)
        self.running = self._never("running", pool, result=c_int64)
        self.busy = self._never("busy", pool, result=c_int64)
        self.available = self._never("available", pool, result=c_int64)
        self.waiting = self._never("waiting", pool, result=c_int64)
        self.is_closed = self._never("is_closed", pool, result=c_bool)
        self.is_paused = self._never("is_paused", pool, result=c_bool)
        self.default = self._never("default", result=c_void_p)
        self.current = self._never("current", result=c_void_p)
        self.task_fail = self._never("task_fail", c_char_p, result=None)
        self.status_name = self._never("status_name", c_int, result=c_char_p)
        self.status_message = self._never("status_message", c_int, result=c_char_p)
        self.usable_cpus = self._never("usable_cpus", result=c_size_t)
        self.version = self._never("version", result=c_char_p)

    def _waits(self, name: str, *arguments: Any) -> Any:
        return self._declare(self._giving_way, name, arguments, c_int)

    def _never(self, name: str, *arguments: Any, result: Any = c_int) -> Any:
        return self._declare(self._keeping, name, arguments, result)

    @staticmethod
    def _declare(library: ctypes.CDLL, name: str, arguments: Any, result: Any) -> Any:
        function = library["antpool_" + name]
        function.argtypes = arguments
        function.restype = result
        return function

    @property
    def path(self) -> str:
        """What the library was loaded as."""
        return self._giving_way._name


calls = _Calls()


def usable_cpus() -> int:
    """How many CPUs this process may use: affinity and cgroup quota respected, at least 1."""
    return int(calls.usable_cpus())


def library_version() -> str:
    """The version of the shared library that is in use, such as ``"0.1.0"``."""
    return str(calls.version().decode())


def library_path() -> str:
    """What the shared library was loaded as: a path, or the name that the loader looked up."""
    return calls.path


def task_fail(message: str) -> None:
    """Marks the C task that calls this as failed; the task goes on to its own end.

    For Python functions that were made into C tasks with ``ctypes.CFUNCTYPE``, where an exception
    cannot leave. The first message of a task stands. Outside a task it does nothing.
    """
    calls.task_fail(message.encode())
