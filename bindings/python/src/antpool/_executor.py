"""`Executor`: a `concurrent.futures.Executor` whose threads are the workers of a pool."""

from __future__ import annotations

import concurrent.futures
import itertools
import logging
import threading
from concurrent.futures import Future
from concurrent.futures.thread import BrokenThreadPool
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple, TypeVar

from . import _abi, _lifetime
from ._abi import CLOSED, OVERLOAD, calls, usable_cpus
from ._callbacks import c_callback
from ._errors import ForkedError, check, error
from ._pool import Pool

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

_names = itertools.count()
_keys = itertools.count(1)
_log = logging.getLogger("concurrent.futures")


class Executor(concurrent.futures.Executor):
    """Runs Python functions on at most `max_workers` threads and gives back futures.

    It can stand wherever a `concurrent.futures.ThreadPoolExecutor` does. What it adds is a bound:
    with `queue_capacity`, at most ``max_workers + queue_capacity`` calls are unfinished at a time,
    and a submit beyond that waits (`submit`), waits for a while (`submit_timeout`), or is turned
    away (`try_submit`). Idle threads can be made to exit after `idle_timeout`.

    Workers are threads; fibers cannot be had from Python. Every method may be called from any
    thread, also from inside a call that the executor runs.

    An executor ends with `shutdown`, at the end of a ``with`` block, or with the last reference to
    it. Calls that were submitted are run in any case, also when the interpreter ends: it waits for
    them. In a forked child an executor of the parent accepts nothing and runs nothing.
    """

    def __init__(
        self,
        max_workers: Optional[int] = None,
        thread_name_prefix: str = "",
        initializer: Optional[Callable[..., object]] = None,
        initargs: Tuple[Any, ...] = (),
        *,
        queue_capacity: Optional[int] = None,
        idle_timeout: Optional[float] = None,
        stack_size: int = 0,
    ) -> None:
        """Makes an executor; it starts threads as calls need them.

        :param max_workers: the most threads; None means 4 more than the CPUs this process may use,
            but at most 32.
        :param thread_name_prefix: names the threads, ``prefix_0`` and so on.
        :param initializer: called as ``initializer(*initargs)`` on each thread before its first
            call. If it raises, the executor is broken: pending and later calls get
            `concurrent.futures.thread.BrokenThreadPool`.
        :param queue_capacity: how many calls may wait for a thread; None means any number.
        :param idle_timeout: a thread exits after so many idle seconds; None keeps it.
        :param stack_size: bytes of stack for each thread; 0 means 8 MiB of address space.
        """
        if max_workers is None:
            max_workers = min(32, usable_cpus() + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._workers = _Workers(initializer, initargs)
        self._pool = Pool(
            max_workers,
            queue_capacity=queue_capacity,
            expiry=idle_timeout,
            stack_size=stack_size,
            name=thread_name_prefix or f"Executor-{next(_names)}",
            on_worker_start=self._workers.start,
        )

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedules ``fn(*args, **kwargs)`` and returns its future; waits for room.

        Raises RuntimeError when the executor has been shut down (`antpool.ClosedError`), and
        `antpool.DeadlockError` when it would have to wait and every worker waits in such a call
        already.
        """
        return self._submit(self._wait_for_room, fn, args, kwargs)

    def try_submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As `submit`, but raises `antpool.OverloadError` at once when there is no room."""
        return self._submit(_no_waiting, fn, args, kwargs)

    def submit_timeout(
        self, timeout: Optional[float], fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """As `submit`, but raises `antpool.TimedOutError` after `timeout` seconds."""
        return self._submit(lambda key: self._wait_for_room(key, timeout), fn, args, kwargs)

    def _submit(
        self,
        when_full: Callable[[int], int],
        fn: Callable[..., Any],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
    ) -> Future[Any]:
        workers = self._workers
        if workers.broken is not None:
            raise BrokenThreadPool(workers.broken)
        future: Future[Any] = Future()
        key = next(_keys)
        workers.pending[key] = _Call(future, fn, args, kwargs)
        try:
            status = calls.try_submit(self._pool._handle, _run, key)
            if status == OVERLOAD:
                status = when_full(key)
            if status == CLOSED:
                raise error(status, "cannot schedule new futures after shutdown")
            check(status)
        except BaseException:
            workers.pending.pop(key, None)
            raise
        return future

    def _wait_for_room(self, key: int, timeout: Optional[float] = None) -> int:
        handle = self._pool._handle
        return _lifetime.wait(
            lambda limit: int(calls.submit_timeout(handle, _run, key, limit)), timeout
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accepts no more calls; with `wait`, returns when all are done and all threads gone.

        With `cancel_futures`, those that have not started are cancelled. A `submit` that waits for
        room raises RuntimeError. May be called again. Inside one of the executor's own calls
        `wait` raises `antpool.DeadlockError`; the executor is shut down then all the same.
        """
        try:
            self._pool.release()
            if cancel_futures:
                self._workers.cancel_pending()
            if wait:
                self._pool.close()
        except ForkedError:
            pass  # The threads stayed with the parent; there is nothing to wait for.

    @property
    def max_workers(self) -> int:
        """The most threads that the executor uses."""
        return self._pool.capacity

    def tune(self, max_workers: int) -> None:
        """Changes `max_workers`; running calls go on, surplus threads exit after theirs."""
        self._pool.tune(max_workers)

    def stats(self) -> _abi.Stats:
        """One consistent look at the pool of threads.

        A call that had to wait for room counts in `rejected` too, and in `timed_out` for each time
        that the main thread lined up anew.
        """
        return self._pool.stats()


def _no_waiting(_key: int) -> int:
    return OVERLOAD


class _Call:
    """One submitted call and its future."""

    __slots__ = ("args", "fn", "future", "kwargs")

    def __init__(
        self,
        future: Future[Any],
        fn: Callable[..., Any],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
    ) -> None:
        self.future, self.fn, self.args, self.kwargs = future, fn, args, kwargs

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.fn(*self.args, **self.kwargs)
        except BaseException as exception:
            self.future.set_exception(exception)
            # The same here: the exception keeps this frame.
            self = None  # type: ignore[assignment]
        else:
            self.future.set_result(result)

    def fail(self, exception: BaseException) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(exception)

    def cancel(self) -> None:
        if self.future.cancel():
            self.future.set_running_or_notify_cancel()


class _Workers:
    """What the workers of one executor share. They do not keep the executor alive."""

    def __init__(
        self, initializer: Optional[Callable[..., object]], initargs: Tuple[Any, ...]
    ) -> None:
        self.initializer = initializer
        self.initargs = initargs
        #: Calls that no worker has taken yet. Whoever takes one out is the one who deals with it.
        self.pending: Dict[int, _Call] = {}
        #: Why no more calls are run: an initializer has failed.
        self.broken: Optional[str] = None

    def start(self, _index: int) -> None:
        """The beginning of a worker, on its thread."""
        _this_worker.workers = self
        if self.initializer is None:
            return
        try:
            self.initializer(*self.initargs)
        except BaseException:
            _log.critical("Exception in initializer:", exc_info=True)
            self.broken = "a thread initializer failed, the executor is not usable any more"
            for call in self._take_pending():
                call.fail(BrokenThreadPool(self.broken))

    def run(self, key: int) -> None:
        """Runs the call with this number, unless it has been cancelled."""
        call = self.pending.pop(key, None)
        if call is None:
            return
        if self.broken is None:
            call.run()
        else:
            call.fail(BrokenThreadPool(self.broken))
        # An exception of the call keeps this frame, and the call its future and so the exception.
        del call

    def cancel_pending(self) -> None:
        for call in self._take_pending():
            call.cancel()

    def _take_pending(self) -> Any:
        while self.pending:
            try:
                yield self.pending.popitem()[1]
            except KeyError:  # A worker took the last one.
                return


_this_worker = threading.local()


@c_callback(_abi.TASK)
def _run(key: int) -> None:
    _this_worker.workers.run(key)
