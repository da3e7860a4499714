"""How pools end: with their Python object, and with the interpreter."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from math import ceil
from typing import TYPE_CHECKING, Callable, List, NamedTuple, Optional

from . import _callbacks
from ._abi import DEADLOCK, OK, TIMED_OUT, WAIT_FOREVER, calls

if TYPE_CHECKING:
    from ._pool import Pool

# Python runs signal handlers on the main thread, between two of its instructions. A wait on the
# main thread comes back this often to let Ctrl-C have its effect; other threads wait in one piece.
INTERRUPTIBLE_S = 0.2


def milliseconds(timeout: Optional[float]) -> int:
    """Seconds as the library counts time; rounded up, so that no wait ends early."""
    if timeout is None:
        return WAIT_FOREVER
    return ceil(min(max(timeout, 0) * 1000, WAIT_FOREVER - 1))


def on_main_thread() -> bool:
    """Whether this is the thread that signal handlers run on."""
    return threading.get_ident() == threading.main_thread().ident


def seconds_left(deadline: Optional[float]) -> Optional[float]:
    """How long to wait until `deadline`, in what `threading` takes for a timeout."""
    if deadline is None:
        return None
    return min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX)


def wait(call: Callable[[int], int], timeout: Optional[float]) -> int:
    """The status of `call`, a wait that is given its limit in milliseconds.

    None means no limit. On the main thread signal handlers run while it waits.
    """
    if not on_main_thread():
        return call(milliseconds(timeout))
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = INTERRUPTIBLE_S if deadline is None else deadline - time.monotonic()
        status = call(milliseconds(min(left, INTERRUPTIBLE_S)))
        if status != TIMED_OUT or (deadline is not None and left <= INTERRUPTIBLE_S):
            return status


class Remains(NamedTuple):
    """What is left of a pool when its Python object is gone."""

    handle: int
    callbacks: int  #: their number, 0 if there are none
    daemon: bool


# The remains of pools whose workers were still at it when the Python object went.
_abandoned: List[Remains] = []

# Pools whose workers have to be gone before the interpreter is.
_waited_for: "weakref.WeakSet[Pool]" = weakref.WeakSet()
_ending = False


def abandon(remains: Remains) -> None:
    """Ends a pool that nobody can call any more, without waiting for its tasks."""
    calls.release(remains.handle)
    if not _destroyed(remains, 0):
        _abandoned.append(remains)


def sweep() -> None:
    """Frees those abandoned pools whose workers have finished meanwhile."""
    for _ in range(len(_abandoned)):
        remains = _take()
        if remains is not None and not _destroyed(remains, 0):
            _abandoned.append(remains)


def _take() -> Optional[Remains]:
    """Takes one of the abandoned pools, so that no other thread frees it too."""
    try:
        return _abandoned.pop(0)
    except IndexError:
        return None


def _destroyed(remains: Remains, timeout: Optional[float]) -> bool:
    """Frees a closed pool if its workers exit in time. In a forked child there are none."""
    handle = remains.handle
    status = wait(lambda limit: int(calls.release_timeout(handle, limit)), timeout)
    if status in (TIMED_OUT, DEADLOCK) or calls.destroy(handle) != OK:
        return False
    _callbacks.forget(remains.callbacks)
    return True


def wait_at_exit(pool: "Pool") -> None:
    """Lets the end of the interpreter wait for the workers of a pool."""
    if _ending:
        raise RuntimeError("cannot make a pool at interpreter shutdown")
    _waited_for.add(pool)


def _at_exit() -> None:
    global _ending
    _ending = True
    pools = list(_waited_for)
    for pool in pools:
        pool._release_quietly()
    for pool in pools:
        pool._release_quietly(wait=True)
    for remains in iter(_take, None):
        if not remains.daemon:
            _destroyed(remains, None)


# As concurrent.futures does: before the interpreter waits for its own threads, and in the reverse
# order of the imports. atexit comes later, but will do where the private function is gone.
getattr(threading, "_register_atexit", atexit.register)(_at_exit)
