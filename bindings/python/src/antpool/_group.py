"""`Group`: C tasks that are waited for and canceled together."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any, Callable, List, NoReturn, Optional, Sequence

from . import _lifetime
from ._abi import FUNCTION_POINTER, OK, calls
from ._errors import check, error

if TYPE_CHECKING:
    from ._pool import Pool

#: A C function ``void (*)(void *)``: one that ctypes found in a library, one made by a
#: ``CFUNCTYPE``, or an address.
CFunction = Any
#: What a C task is called with: None, an address, or anything that ctypes passes as ``void *``.
CArgument = Any

# Groups whose tasks were unfinished when their Python object went. They are freed when another
# group is made.
_abandoned: List[int] = []


def c_function(fn: CFunction) -> CFunction:
    """What may be given to the library as a function."""
    if isinstance(fn, (int, FUNCTION_POINTER)):
        return fn
    raise TypeError(f"a pool runs C functions, not {fn!r}; antpool.Executor runs Python's")


def _sweep() -> None:
    for _ in range(len(_abandoned)):
        try:
            handle = _abandoned.pop(0)
        except IndexError:
            return  # Another thread does it.
        if calls.group_destroy(handle) != OK:
            _abandoned.append(handle)


class Group:
    """Tasks of one pool, made by `Pool.group`, that are waited for and canceled together.

    The end of a ``with`` block waits for them, and cancels them first if an exception leaves it. A
    group keeps its pool alive, and may be used again after a wait. Every call may be made from any
    thread.
    """

    def __init__(self, pool: "Pool") -> None:
        _sweep()
        handle = ctypes.c_void_p()
        check(calls.group_new(handle))
        assert handle.value is not None
        self._pool = pool
        self._handle = handle.value

    #: What the library knows the group by; 0 while there is none.
    _handle: int = 0
    #: What the last cancel was given, which has to stay alive.
    _discard: Optional[CFunction] = None

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if _is_finalizing():
            return
        handle, self._handle = self._handle, 0
        if calls.group_destroy(handle) != OK:
            _abandoned.append(handle)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {type(self).__name__!r} object: it has tasks")

    def submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """As `Pool.submit`, with a task of the group. Raises CanceledError on a canceled group."""
        check(calls.group_submit(self._handle, self._pool._handle, c_function(fn), arg))

    def try_submit(self, fn: CFunction, arg: CArgument = None) -> None:
        """As `submit`, but a full pool raises OverloadError at once."""
        check(calls.try_group_submit(self._handle, self._pool._handle, c_function(fn), arg))

    def submit_timeout(
        self, fn: CFunction, arg: CArgument = None, *, timeout: Optional[float]
    ) -> None:
        """As `submit`, but waits for room at most `timeout` seconds, then raises TimedOutError."""
        limit = _lifetime.milliseconds(timeout)
        check(
            calls.group_submit_timeout(self._handle, self._pool._handle, c_function(fn), arg, limit)
        )

    def submit_batch(self, fn: CFunction, args: Sequence[CArgument]) -> None:
        """As `Pool.submit_batch`, with tasks of the group."""
        count = len(args)
        accepted = ctypes.c_size_t()
        status = calls.group_submit_batch(
            self._handle,
            self._pool._handle,
            c_function(fn),
            (ctypes.c_void_p * count)(*args),
            count,
            ctypes.byref(accepted),
        )
        if status:
            refusal = error(status)
            refusal.accepted = accepted.value
            raise refusal

    def add(self, units: int = 1) -> None:
        """Adds units of work that is no task, which `wait` waits for as well."""
        # ctypes would cut a larger number off and could make a valid one of it.
        check(calls.group_add(self._handle, max(min(units, 2**63 - 1), -(2**63))))

    def done(self) -> None:
        """Takes one of these units away. Raises InvalidArgumentError if there is none."""
        check(calls.group_done(self._handle))

    def wait(self, timeout: Optional[float] = None) -> None:
        """Waits until nothing in the group is unfinished. It may be used again afterwards.

        Raises TimedOutError after `timeout` seconds, TaskFailedError if a task has failed since the
        last wait that ended, and DeadlockError inside one of the group's own tasks.
        """
        check(
            _lifetime.wait(
                lambda limit: int(calls.group_wait_timeout(self._handle, limit)), timeout
            )
        )

    def cancel(self, discard: Optional[CFunction] = None) -> None:
        """Has tasks that have not begun never run, and refuses new ones until a `wait` has ended.

        `discard` is a C function that workers call with the argument of each of them.
        """
        self._discard = None if discard is None else c_function(discard)
        check(calls.group_cancel(self._handle, self._discard))

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, exception_type: object, *_exception: object) -> None:
        if exception_type is None:
            self.wait()
            return
        self.cancel()
        _lifetime.wait(lambda limit: int(calls.group_wait_timeout(self._handle, limit)), None)
