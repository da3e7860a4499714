"""`Lane`: C tasks that begin in order, at most a number of them at a time."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Callable, List, NoReturn, Optional

from . import _lifetime
from ._abi import OK, calls
from ._errors import InvalidArgumentError, check
from ._group import CArgument, CFunction, c_function

if TYPE_CHECKING:
    from ._pool import Pool

# Lanes whose tasks were unfinished when their Python object went. They are freed when another lane
# is made.
_abandoned: List[int] = []


def _sweep() -> None:
    for _ in range(len(_abandoned)):
        try:
            handle = _abandoned.pop(0)
        except IndexError:
            return  # Another thread does it.
        if calls.lane_destroy(handle) != OK:
            _abandoned.append(handle)


class Lane:
    """Tasks of one pool, made by `Pool.lane`, that begin in order, at most `limit` at a time.

    With 1 it is a serial queue. Tasks that may not begin yet wait in the lane, without a worker.
    The end of a ``with`` block waits for them, and cancels them first if an exception leaves it. A
    lane keeps its pool alive, and may be used again after a wait. Every call may be made from any
    thread.
    """

    def __init__(self, pool: "Pool", limit: int) -> None:
        _sweep()
        if not 0 < limit <= sys.maxsize:  # ctypes would cut it off.
            raise InvalidArgumentError("the limit of a lane is 1 or more")
        handle = ctypes.c_void_p()
        check(calls.lane_new(pool._handle, limit, handle))
        assert handle.value is not None
        self._pool = pool
        self._handle = handle.value

    #: What the library knows the lane by; 0 while there is none.
    _handle: int = 0
    #: What the last cancel was given, which has to stay alive.
    _discard: Optional[CFunction] = None

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if _is_finalizing():
            return
        handle, self._handle = self._handle, 0
        if calls.lane_destroy(handle) != OK:
            _abandoned.append(handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {type(self).__name__!r} object: it has tasks")

    def submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """Submits a task to the lane. Raises CanceledError on a canceled lane.

        It waits for room as `Pool.submit` does if fewer than `limit` tasks of the lane are
        unfinished, and never otherwise.
        """
        check(calls.lane_submit(self._handle, c_function(fn), arg))

    def try_submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """As `submit`, but raises OverloadError at once where that would wait."""
        check(calls.try_lane_submit(self._handle, c_function(fn), arg))

    def submit_timeout(
        self, fn: CFunction, arg: CArgument = None, *, timeout: Optional[float]
    ) -> None:
        """As `submit`, but waits for room at most `timeout` seconds, then raises TimedOutError."""
        limit = _lifetime.milliseconds(timeout)
        check(calls.lane_submit_timeout(self._handle, c_function(fn), arg, limit))

    @property
    def running(self) -> int:
        """How many of its tasks run; at most `limit`."""
        return int(calls.lane_running(self._handle))

    @property
    def queued(self) -> int:
        """How many of its tasks have not begun."""
        return int(calls.lane_queued(self._handle))

    def wait(self, timeout: Optional[float] = None) -> None:
        """Waits until nothing in the lane is unfinished. It may be used again afterwards.

        Raises TimedOutError after `timeout` seconds, TaskFailedError if a task has failed since the
        last wait that ended, and DeadlockError inside one of the lane's own tasks.
        """
        check(
            _lifetime.wait(lambda limit: int(calls.lane_wait_timeout(self._handle, limit)), timeout)
        )

    def cancel(self, discard: Optional[CFunction] = None) -> None:
        """Has tasks that have not begun never run, and refuses new ones until a `wait` has ended.

        `discard` is a C function that workers call with the argument of each of them.
        """
        self._discard = None if discard is None else c_function(discard)
        check(calls.lane_cancel(self._handle, self._discard))

    def __enter__(self) -> "Lane":
        return self

    def __exit__(self, exception_type: object, *_exception: object) -> None:
        if exception_type is None:
            self.wait()
            return
        self.cancel()
        _lifetime.wait(lambda limit: int(calls.lane_wait_timeout(self._handle, limit)), None)
