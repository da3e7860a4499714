"""Submits that wait for room in the background: their callers do not block while a pool is full."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Optional, Tuple

from ._abi import CLOSED, DEADLOCK, OK, WAIT_FOREVER, Stats, calls
from ._errors import check, error
from ._pool import CFunction, Pool

#: Is told the status that a submit in the background has ended with.
Settle = Callable[[int], object]


class Line:
    """The submits that wait in the background, by the keys of their calls, in their order.

    The library is asked for one place at a time, whoever it will be for: a submit that gives up
    leaves nothing behind in the library's own line. When the place is granted, both the thread that
    has asked and the worker that has got it come here, in either order; the first of them takes the
    next in line, so that every place that was granted is for exactly one.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As if nobody had ever waited."""
        self.changed = threading.Condition()  # Its lock is reentrant, as signal handlers need it.
        self.waiting: "OrderedDict[int, Settle]" = OrderedDict()
        #: Whether there is a thread that asks for places, and whether it is doing so.
        self.admitting = self.asking = False
        #: For whom places were granted that no worker has come with yet; None stands for nobody.
        self._granted: Deque[Optional[int]] = deque()
        #: How many workers came before the asking thread had heard of their places.
        self._workers_ahead = 0

    def granted(self, status: int) -> None:
        """The asking thread has its answer: a place, or an error for the next in line."""
        with self.changed:
            if status == OK and self._workers_ahead > 0:
                self._workers_ahead -= 1
                return
            key, settle = self._next()
            if status == OK:
                self._granted.append(key)
        if settle is not None:
            settle(status)

    def take(self) -> Optional[int]:
        """A worker has a place: the key of the call that it is for, if anybody still waits."""
        with self.changed:
            if self._granted:
                return self._granted.popleft()
            self._workers_ahead += 1
            key, settle = self._next()
        if settle is not None:
            settle(OK)
        return key

    def _next(self) -> Tuple[Optional[int], Optional[Settle]]:
        return self.waiting.popitem(last=False) if self.waiting else (None, None)


class BackgroundPool(Pool):
    """A pool with a `Line` of submits whose callers do not block.

    Such submits are served first come, first served, and take turns with the threads that block.
    Closing the pool lets them in first: their callers have been told that the call will be made.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what `Pool` takes."""
        self.line = Line()
        self._closing = False
        self._peak_waiting = 0
        _pools.add(self)
        super().__init__(*args, **kwargs)

    @property
    def closed(self) -> bool:
        """Whether new submits are refused; those that wait in the background may still get in."""
        return self._closing or super().closed

    @property
    def waiting(self) -> int:
        """How many submits wait, in threads that block and in the background."""
        return self._with_line(super().waiting)

    def _with_line(self, blocked: int) -> int:
        """Adds those in line to the library's count, in which the thread that asks for them is."""
        return max(blocked - self.line.asking, 0) + len(self.line.waiting)

    def stats(self) -> Stats:
        """As `Pool.stats`, with the submits that wait in the background."""
        stats = super().stats()
        return stats._replace(
            waiting=self._with_line(stats.waiting),
            peak_waiting=max(stats.peak_waiting, self._peak_waiting),
        )

    def submit_in_background(self, take: CFunction, key: int, settle: Settle) -> None:
        """Lines a call up and returns at once.

        ``take(0)`` is called on a worker when there is room, and is to ask `Line.take` for a call.
        `settle` is told on another thread that the call has been accepted, or why it was not.
        """
        line = self.line
        with line.changed:
            if self._closing:
                raise error(CLOSED)
            line.waiting[key] = settle
            self._peak_waiting = max(self._peak_waiting, self.waiting)
            if line.admitting:
                return
            line.admitting = True
            name = "antpool-admission"
            try:
                threading.Thread(target=self._admit, args=(take,), name=name, daemon=True).start()
            except BaseException:
                line.admitting = False
                del line.waiting[key]
                raise

    def _admit(self, take: CFunction) -> None:
        """The thread that asks the library for places while anybody waits for one."""
        line = self.line
        while True:
            with line.changed:
                if not line.waiting:
                    line.admitting = False
                    return
                line.asking = True
            status = int(calls.submit_timeout(self._handle, take, 0, WAIT_FOREVER))
            line.asking = False
            line.granted(status)
            self._close_if_nobody_waits()

    def withdraw(self, key: int, status: int) -> None:
        """Ends a submit in the background with `status`, unless it has ended before."""
        with self.line.changed:
            settle = self.line.waiting.pop(key, None)
        if settle is not None:
            self._close_if_nobody_waits()
            settle(status)

    def release(self) -> None:
        """Accepts no new submits, and closes the pool when those in the background are in."""
        self._closing = True
        check(self._close_if_nobody_waits())

    def _close_if_nobody_waits(self) -> int:
        with self.line.changed:
            if not self._closing or self.line.waiting:
                return OK
            self.line.changed.notify_all()
            return int(calls.release(self._handle))

    def close(self) -> None:
        """Lets those in that wait in the background, then closes the pool and waits for its end."""
        self.release()
        if calls.current() == self._handle:
            raise error(DEADLOCK)
        with self.line.changed:
            self.line.changed.wait_for(lambda: not self.line.waiting)
        super().close()


_pools: "weakref.WeakSet[BackgroundPool]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """Those who waited have stayed with the parent, and with them any thread that held a lock."""
    for pool in _pools:
        pool.line.reset()


os.register_at_fork(after_in_child=_after_fork_in_child)
