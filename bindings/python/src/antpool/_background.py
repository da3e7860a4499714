"""Submits that wait for room in the background: their callers do not block while a pool is full."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict, deque
from typing import Any, Callable, Deque, Optional, Tuple

from ._abi import CLOSED, DEADLOCK, OK, WAIT_FOREVER, Stats, calls
from ._errors import check, error
from ._group import CFunction
from ._pool import Pool

#: Called with the status that a submit in the background ends with.
Complete = Callable[[int], object]


class WaitQueue:
    """The submits that wait in the background, first come first served.

    The admission thread asks the library for one place at a time and names no call for it, so a
    submit that gives up leaves nothing behind in the library. When a place is granted, the
    admission thread and a worker both come here, in either order. The first to come takes the next
    call from the queue, so each place serves exactly one call.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Empties the queue, whatever state its lock is in."""
        self.changed = threading.Condition()  # Its lock is reentrant, as signal handlers need it.
        #: The keys of the calls that wait, in their order.
        self.waiting: "OrderedDict[int, Complete]" = OrderedDict()
        #: Whether the admission thread exists, and whether the library counts it as a waiter.
        self.admitting = self.asking = False
        #: The calls whose places no worker has come with yet; None if the queue was empty.
        self._admitted: Deque[Optional[int]] = deque()
        #: How many workers have come before the admission thread heard of their places.
        self._workers_ahead = 0

    def admit(self, status: int) -> None:
        """The admission thread brings the library's answer: a place, or an error."""
        with self.changed:
            if status == OK and self._workers_ahead > 0:
                self._workers_ahead -= 1
                return
            key, complete = self._next()
            if status == OK:
                self._admitted.append(key)
        if complete is not None:
            complete(status)

    def take(self) -> Optional[int]:
        """A worker brings a place; returns the key of the call to run, None if none waits."""
        with self.changed:
            if self._admitted:
                return self._admitted.popleft()
            self._workers_ahead += 1
            key, complete = self._next()
        if complete is not None:
            complete(OK)
        return key

    def _next(self) -> Tuple[Optional[int], Optional[Complete]]:
        return self.waiting.popitem(last=False) if self.waiting else (None, None)


class BackgroundPool(Pool):
    """A pool that also takes submits whose callers do not block while it is full.

    They wait in a `WaitQueue` and take turns with the threads that block in the library. Closing
    the pool admits them first, because their callers already hold the future of a call that will
    be made.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what `Pool` takes."""
        self.wait_queue = WaitQueue()
        self._closing = False
        self._peak_waiting = 0
        _pools.add(self)
        super().__init__(*args, **kwargs)

    @property
    def closed(self) -> bool:
        """Whether new submits are refused; those in the queue are still admitted."""
        return self._closing or super().closed

    @property
    def waiting(self) -> int:
        """How many submits wait, in threads that block and in the background."""
        return self._with_wait_queue(super().waiting)

    def _with_wait_queue(self, blocked: int) -> int:
        """The library's count with the queue in it, and without the admission thread."""
        return max(blocked - self.wait_queue.asking, 0) + len(self.wait_queue.waiting)

    def stats(self) -> Stats:
        """As `Pool.stats`, with the submits that wait in the background."""
        stats = super().stats()
        return stats._replace(
            waiting=self._with_wait_queue(stats.waiting),
            peak_waiting=max(stats.peak_waiting, self._peak_waiting),
        )

    def submit_in_background(self, take: CFunction, key: int, complete: Complete) -> None:
        """Queues a call and returns at once.

        When there is room, ``take(0)`` runs on a worker and has to ask `WaitQueue.take` for the
        call. `complete` is called on another thread once the call is accepted, or refused.
        """
        queue = self.wait_queue
        with queue.changed:
            if self._closing:
                raise error(CLOSED)
            queue.waiting[key] = complete
            self._peak_waiting = max(self._peak_waiting, self.waiting)
            if queue.admitting:
                return
            queue.admitting = True
            name = "antpool-admission"
            try:
                threading.Thread(target=self._admit, args=(take,), name=name, daemon=True).start()
            except BaseException:
                queue.admitting = False
                del queue.waiting[key]
                raise

    def _admit(self, take: CFunction) -> None:
        """The admission thread: asks the library for places while the queue is not empty."""
        queue = self.wait_queue
        while True:
            with queue.changed:
                if not queue.waiting:
                    queue.admitting = False
                    return
                queue.asking = True
            status = int(calls.submit_timeout(self._handle, take, 0, WAIT_FOREVER))
            queue.asking = False
            queue.admit(status)
            self._close_if_nobody_waits()

    def withdraw(self, key: int, status: int) -> None:
        """Ends a submit in the background with `status`, unless it has already ended."""
        with self.wait_queue.changed:
            complete = self.wait_queue.waiting.pop(key, None)
        if complete is not None:
            self._close_if_nobody_waits()
            complete(status)

    def release(self) -> None:
        """Refuses new submits, and closes the pool once the queue is empty."""
        self._closing = True
        check(self._close_if_nobody_waits())

    def _close_if_nobody_waits(self) -> int:
        with self.wait_queue.changed:
            if not self._closing or self.wait_queue.waiting:
                return OK
            self.wait_queue.changed.notify_all()
            return int(calls.release(self._handle))

    def close(self) -> None:
        """Refuses new submits, admits those in the queue, and waits until every worker is gone."""
        self.release()
        if calls.current() == self._handle:
            raise error(DEADLOCK)
        with self.wait_queue.changed:
            self.wait_queue.changed.wait_for(lambda: not self.wait_queue.waiting)
        super().close()


_pools: "weakref.WeakSet[BackgroundPool]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """The waiting submits stayed with the parent, and so did a thread that held the lock."""
    for pool in _pools:
        pool.wait_queue.reset()


os.register_at_fork(after_in_child=_after_fork_in_child)
