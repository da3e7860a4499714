"""`Pool`: the pool of the C library, call for call."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Callable, List, NoReturn, Optional, Sequence

from . import _callbacks, _lifetime
from ._abi import (
    PRIORITIES,
    QUEUE_UNBOUNDED,
    UNLIMITED,
    Options,
    Stats,
    StatsRecord,
    calls,
)
from ._callbacks import Callbacks, Failure
from ._errors import ClosedError, ForkedError, InvalidArgumentError, check, error
from ._group import CArgument, CFunction, Group, c_function
from ._lane import Lane


class Pool:
    """A pool of at most `capacity` threads that run C functions.

    A task is a C function of the type ``void (*)(void *)`` and its argument. It runs without the
    GIL, and nothing of Python is touched by a worker between one task and the next. For Python
    functions there is `antpool.Executor`.

    As in C, what a function pointer and an argument refer to has to stay alive until the task has
    finished; ctypes objects that nothing refers to any more are freed.

    Workers are threads; the library's fibers cannot be had from Python, whose threads keep state
    that must not be suspended in the middle of a call.

    Every call may be made from any thread. Times are in seconds, None means without limit, and no
    wait ends early. A call that fails raises a subclass of `antpool.Error`, and nothing has
    happened. The pool ends with `close`, at the end of a ``with`` block, or with the last
    reference to it. Accepted tasks are run in any case: the end of the interpreter waits for them,
    unless the pool is a daemon.
    """

    def __init__(
        self,
        capacity: int,
        func: Optional[CFunction] = None,
        *,
        expiry: Optional[float] = 1.0,
        pre_alloc: bool = False,
        nonblocking: bool = False,
        abort_on_panic: bool = False,
        max_blocking_tasks: int = 0,
        queue_capacity: Optional[int] = 0,
        min_workers: int = 0,
        stack_size: int = 0,
        cpus: Sequence[int] = (),
        nice_increment: int = 0,
        name: str = "antpool",
        daemon: bool = False,
        panic_handler: Optional[Callable[[Failure], Any]] = None,
        logger: Optional[Callable[[int, str], Any]] = None,
        on_worker_start: Optional[Callable[[int], Any]] = None,
        on_worker_stop: Optional[Callable[[int], Any]] = None,
    ) -> None:
        """Makes a pool; no thread is started but `min_workers`.

        :param capacity: the most workers, or `antpool.UNLIMITED`.
        :param func: the function that `invoke` calls.
        :param expiry: an idle worker exits after this many seconds; None keeps it for ever.
        :param pre_alloc: allocate everything now; such a pool cannot be tuned.
        :param nonblocking: a submit to a full pool raises OverloadError instead of waiting.
        :param abort_on_panic: without a panic handler, a failed task aborts the process.
        :param max_blocking_tasks: how many callers may wait to submit; 0 means any number.
        :param queue_capacity: tasks accepted beyond the capacity; None means any number.
        :param min_workers: workers that are started now and never expire.
        :param stack_size: bytes of stack for each worker; 0 means 8 MiB of address space.
        :param cpus: the only CPUs that workers run on; empty means those of the process.
        :param nice_increment: added to the nice value of the calling thread, for the workers.
        :param name: names the threads, as debuggers and ``top -H`` show them.
        :param daemon: the end of the interpreter does not wait for the tasks of this pool. They
            must not use what Python frees at its end: no ctypes object, nothing that hangs on one.
        :param panic_handler: called with a `Failure` for each task that failed.
        :param logger: called with a level of `logging` and each line of the log; without one,
            lines go to stderr.
        :param on_worker_start: called with the worker's index on its thread, before its first task.
        :param on_worker_stop: the same, after its last task.

        The last four are Python functions and called on the workers, with the GIL. An exception
        that leaves one is reported as ``sys.unraisablehook`` does. A daemon cannot have any.
        """
        _lifetime.sweep()
        options = Options(
            struct_size=ctypes.sizeof(Options),
            disable_purge=expiry is None,
            expiry_ms=_expiry_ms(expiry),
            pre_alloc=pre_alloc,
            nonblocking=nonblocking,
            abort_on_panic=abort_on_panic,
            max_blocking_tasks=_size("max_blocking_tasks", max_blocking_tasks),
            queue_capacity=_size(
                "queue_capacity", QUEUE_UNBOUNDED if queue_capacity is None else queue_capacity
            ),
            min_workers=_size("min_workers", min_workers),
            stack_size=_size("stack_size", stack_size),
            cpus=(ctypes.c_uint32 * len(cpus))(*cpus),
            cpu_count=len(cpus),
            nice_increment=nice_increment,
            name=name.encode(),
        )
        callbacks = Callbacks(name, panic_handler, logger, on_worker_start, on_worker_stop)
        if callbacks and daemon:
            raise ValueError("a pool that calls Python cannot be a daemon")
        if not daemon:
            _lifetime.wait_at_exit(self)
        key = _callbacks.register(callbacks, options) if callbacks else 0
        handle = ctypes.c_void_p()
        try:
            if func is None:
                status = calls.new(_int64(capacity), options, handle)
            else:
                status = calls.new_with_func(_int64(capacity), c_function(func), options, handle)
            check(status)
        except BaseException:
            _callbacks.forget(key)
            raise
        assert handle.value is not None
        self._handle = handle.value
        self._remains = _lifetime.Remains(handle.value, key, daemon)

    #: What the library knows the pool by; 0 while there is none.
    _handle: int = 0
    #: What is freed with this object; None if nothing is.
    _remains: Optional[_lifetime.Remains] = None

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if _is_finalizing():
            return
        # No Python code is inside a call on the handle now. Other finalizers may still make one, if
        # this object is garbage together with theirs; the library refuses the 0.
        remains, self._remains, self._handle = self._remains, None, 0
        if remains is not None:
            _lifetime.abandon(remains)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {type(self).__name__!r} object: it has threads")

    @classmethod
    def default(cls) -> "Pool":
        """The pool that the whole process shares: at most 512 workers, an unbounded queue.

        Closing it closes it for every user of it, until somebody reboots it. The end of the
        interpreter does not wait for its tasks.
        """
        pool = cls.__new__(cls)
        pool._handle = calls.default()
        return pool

    def submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """Submits a task: ``fn(arg)`` will run exactly once. Waits while the pool is full.

        A wait in this call is not interrupted by Ctrl-C; use `submit_timeout` for that.
        """
        check(calls.submit(self._handle, c_function(fn), arg))

    def try_submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """As `submit`, but a full pool raises OverloadError at once."""
        check(calls.try_submit(self._handle, c_function(fn), arg))

    def submit_timeout(
        self, fn: CFunction, arg: CArgument = None, *, timeout: Optional[float]
    ) -> None:
        """As `submit`, but waits for room at most `timeout` seconds, then raises TimedOutError."""
        limit = _lifetime.milliseconds(timeout)
        check(calls.submit_timeout(self._handle, c_function(fn), arg, limit))

    def submit_with_priority(
        self,
        fn: CFunction,
        arg: CArgument = None,
        *,
        priority: str,
        timeout: Optional[float] = None,
    ) -> None:
        """As `submit`, with a priority: ``"high"``, ``"normal"`` or ``"low"``.

        It orders the tasks that wait for a worker. With `timeout` it waits for room as
        `submit_timeout` does.
        """
        level = PRIORITIES[priority]
        if timeout is None:
            check(calls.submit_with_priority(self._handle, c_function(fn), arg, level))
        else:
            limit = _lifetime.milliseconds(timeout)
            check(
                calls.submit_with_priority_timeout(self._handle, c_function(fn), arg, level, limit)
            )

    def try_submit_with_priority(
        self, fn: CFunction, arg: CArgument = None, *, priority: str
    ) -> None:
        """As `submit_with_priority`, but a full pool raises OverloadError at once."""
        level = PRIORITIES[priority]
        check(calls.try_submit_with_priority(self._handle, c_function(fn), arg, level))

    def submit_copy(self, fn: CFunction, data: Any) -> None:
        """As `submit`, with a copy of `data` as the argument.

        `data` is a bytes-like or ctypes object of at most `antpool.COPY_MAX` bytes. The task gets
        a pointer to its copy, which is valid until it returns, so nothing has to be kept alive.
        """
        copy = memoryview(data).tobytes()
        check(calls.submit_copy(self._handle, c_function(fn), copy, len(copy)))

    def try_submit_copy(self, fn: CFunction, data: Any) -> None:
        """As `submit_copy`, but a full pool raises OverloadError at once."""
        copy = memoryview(data).tobytes()
        check(calls.try_submit_copy(self._handle, c_function(fn), copy, len(copy)))

    def submit_batch(self, fn: CFunction, args: Sequence[CArgument]) -> None:
        """Submits ``fn(arg)`` for each of `args`, in one call of the library.

        `args` are addresses or None, or one ctypes array of ``c_void_p``, which is not copied.
        Each place is waited for as `submit` does. An error says in `accepted` how many tasks were
        placed before it.
        """
        self._batch(calls.submit_batch, args, fn)

    def try_submit_batch(self, fn: CFunction, args: Sequence[CArgument]) -> None:
        """As `submit_batch`, but raises OverloadError when not all of them had room."""
        self._batch(calls.try_submit_batch, args, fn)

    def invoke(self, arg: CArgument = None) -> None:
        """As `submit`, with the function that the pool was made with."""
        check(calls.invoke(self._handle, arg))

    def try_invoke(self, arg: CArgument = None) -> None:
        """As `invoke`, but a full pool raises OverloadError at once."""
        check(calls.try_invoke(self._handle, arg))

    def invoke_timeout(self, arg: CArgument = None, *, timeout: Optional[float]) -> None:
        """As `submit_timeout`, with the function that the pool was made with."""
        check(calls.invoke_timeout(self._handle, arg, _lifetime.milliseconds(timeout)))

    def invoke_batch(self, args: Sequence[CArgument]) -> None:
        """As `submit_batch`, with the function that the pool was made with."""
        self._batch(calls.invoke_batch, args)

    def _batch(self, call: Any, args: Sequence[CArgument], *fn: CFunction) -> None:
        count = len(args)
        array = args if isinstance(args, ctypes.Array) else (ctypes.c_void_p * count)(*args)
        if getattr(array, "_type_", None) is not ctypes.c_void_p:
            raise TypeError("an array of arguments has to be one of c_void_p")
        accepted = ctypes.c_size_t()
        status = call(self._handle, *map(c_function, fn), array, count, ctypes.byref(accepted))
        if status:
            refusal = error(status)
            refusal.accepted = accepted.value
            raise refusal

    def group(self) -> Group:
        """A new group: tasks of this pool that are waited for and canceled together."""
        return Group(self)

    def lane(self, limit: int = 1) -> Lane:
        """A new lane: tasks of this pool that begin in order, at most `limit` at a time."""
        return Lane(self, limit)

    @property
    def capacity(self) -> int:
        """How many workers the pool may have; `antpool.UNLIMITED` if there is no limit."""
        return int(calls.capacity(self._handle))

    @property
    def running(self) -> int:
        """How many workers live, busy and idle."""
        return int(calls.running(self._handle))

    @property
    def busy(self) -> int:
        """How many workers have a task, begun or about to begin."""
        return int(calls.busy(self._handle))

    @property
    def available(self) -> int:
        """How many submits would be accepted now without waiting; -1 if there is no limit."""
        return int(calls.available(self._handle))

    @property
    def waiting(self) -> int:
        """How many callers wait to submit."""
        return int(calls.waiting(self._handle))

    @property
    def closed(self) -> bool:
        """Whether the pool is closed."""
        return bool(calls.is_closed(self._handle))

    def stats(self) -> Stats:
        """One consistent look at the pool. Never waits for a task."""
        record = StatsRecord(struct_size=ctypes.sizeof(StatsRecord))
        check(calls.get_stats(self._handle, record))
        values: List[Any] = [getattr(record, name) for name in Stats._fields]
        return Stats._make(v if isinstance(v, int) else tuple(v) for v in values)

    def tune(self, capacity: int) -> None:
        """Changes the capacity, without waiting for any task and without interrupting one."""
        check(calls.tune(self._handle, _int64(capacity)))

    def pause(self) -> None:
        """Has tasks that have not begun wait until `resume`. A closed pool raises ClosedError."""
        check(calls.pause(self._handle))

    def resume(self) -> None:
        """Ends a pause; without one it does nothing."""
        check(calls.resume(self._handle))

    @property
    def paused(self) -> bool:
        """Whether tasks that have not begun wait for `resume`."""
        return bool(calls.is_paused(self._handle))

    def trim(self) -> None:
        """Has idle workers exit, but for those of `min_workers`. Does not wait for them."""
        check(calls.trim(self._handle))

    def set_expiry(self, seconds: float) -> None:
        """Changes how long an idle worker stays.

        Raises InvalidExpiryError for a negative time, UnsupportedError with `disable_purge`.
        """
        check(calls.set_expiry(self._handle, _expiry_ms(seconds)))

    def dump(self, file: Any = 2) -> None:
        """Writes what the pool is doing to a file descriptor, or to a file object that has one.

        It never waits for a worker. Flush a buffered file first, to keep the order.
        """
        descriptor = file if isinstance(file, int) else file.fileno()
        check(calls.dump(self._handle, descriptor))

    def wait(self, timeout: Optional[float] = None) -> None:
        """Waits until no accepted task is unfinished; the pool stays open.

        Raises TimedOutError after `timeout` seconds, DeadlockError inside one of its own tasks.
        """
        check(_lifetime.wait(lambda limit: int(calls.wait_timeout(self._handle, limit)), timeout))

    def release(self) -> None:
        """Closes the pool and returns: accepted tasks still run, new ones get ClosedError."""
        check(calls.release(self._handle))

    def release_timeout(self, timeout: Optional[float]) -> None:
        """Closes the pool and waits until every worker has exited.

        Raises TimedOutError after `timeout` seconds; the pool stays closed. Raises ClosedError if
        an earlier call has succeeded, CanceledError if another thread reboots the pool, and
        DeadlockError, with nothing done, inside one of its own tasks.
        """
        check(
            _lifetime.wait(lambda limit: int(calls.release_timeout(self._handle, limit)), timeout)
        )

    def reboot(self) -> None:
        """Opens a closed pool again. In a forked child it makes a pool of the parent usable."""
        check(calls.reboot(self._handle))

    def close(self) -> None:
        """Closes the pool and waits until every worker has exited. May be called again."""
        try:
            self.release_timeout(None)
        except ClosedError:
            pass

    def _release_quietly(self, wait: bool = False) -> None:
        """Closes the pool for the end of the interpreter; in a forked child there is nothing to."""
        try:
            self.close() if wait else self.release()
        except ForkedError:
            pass

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<antpool.Pool {state}, {self.busy} of {self.capacity} workers busy>"


def _expiry_ms(expiry: Optional[float]) -> int:
    if expiry is None:
        return 0
    # 0 would mean the library's default. An expiry of nothing is the shortest there is.
    return -1 if expiry < 0 else min(max(_lifetime.milliseconds(expiry), 1), 2**63 - 1)


def _size(name: str, number: int) -> int:
    if not 0 <= number <= QUEUE_UNBOUNDED:
        raise InvalidArgumentError(f"{name} is out of range: {number}")
    return number


def _int64(capacity: int) -> int:
    # ctypes would cut a larger number off and could make a valid one of it.
    if not UNLIMITED <= capacity < 2**63:
        raise InvalidArgumentError(f"capacity is out of range: {capacity}")
    return capacity
