"""`Executor`: a `concurrent.futures.Executor` whose threads are the workers of a pool."""

from __future__ import annotations

import functools
import itertools
import logging
import queue
import sys
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool
from typing import TYPE_CHECKING, Any, Callable, Dict, NoReturn, Optional, Tuple, TypeVar

from . import _abi, _lifetime
from ._abi import CLOSED, OK, OVERLOAD, TIMED_OUT, calls, usable_cpus
from ._background import BackgroundPool, WaitQueue
from ._callbacks import c_callback
from ._errors import ForkedError, error

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

_names = itertools.count()
_keys = itertools.count(1)
_log = logging.getLogger("concurrent.futures")


# Derived from ThreadPoolExecutor because asyncio takes no other for its default executor. Nothing
# of its implementation is used.
class Executor(ThreadPoolExecutor):
    """Runs Python functions on at most `max_workers` threads and gives back futures.

    It can stand wherever a `concurrent.futures.ThreadPoolExecutor` does. What it adds is a bound:
    with `queue_capacity`, at most ``max_workers + queue_capacity`` calls are unfinished at a time,
    and a submit beyond that waits (`submit`), waits for a while (`submit_timeout`), waits as a
    coroutine (`submit_async`), or is turned away (`try_submit`). Idle threads can be made to exit
    after `idle_timeout`.

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
        :param idle_timeout: a thread exits after this number of idle seconds; None keeps it.
        :param stack_size: bytes of stack for each thread; 0 means 8 MiB of address space.
        """
        if max_workers is None:
            max_workers = min(32, usable_cpus() + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._workers = workers = _Workers(initializer, initargs)
        self._pool = BackgroundPool(
            max_workers,
            queue_capacity=queue_capacity,
            expiry=idle_timeout,
            stack_size=stack_size,
            name=thread_name_prefix or f"Executor-{next(_names)}",
            on_worker_start=workers.start,
        )
        workers.wait_queue = self._pool.wait_queue
        # How submits have failed. The library also counts those that it refused at first and that
        # went on waiting here.
        self._counting = threading.RLock()
        self._rejected = self._timed_out = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedules ``fn(*args, **kwargs)`` and returns its future; waits for room.

        On the thread of a running asyncio event loop, which must not be blocked, it returns at
        once, and the call waits for room without it: that is what ``loop.run_in_executor`` wants.
        How many calls wait then is not bounded; with `submit_async` it is.

        Raises RuntimeError when the executor has been shut down (`antpool.ClosedError`), and
        `antpool.DeadlockError` when it would have to wait and every worker waits in such a call
        already.
        """
        key, future, status = self._try(fn, args, kwargs)
        if status == OVERLOAD:
            if _on_an_event_loop():
                self._queue(key, future, functools.partial(self._completed, key))
                return future
            status = self._wait_for_room(key, future, None)
        self._check(key, status)
        return future

    def try_submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As `submit`, but raises `antpool.OverloadError` at once when there is no room."""
        key, future, status = self._try(fn, args, kwargs)
        self._check(key, status)
        return future

    def submit_timeout(
        self, timeout: Optional[float], fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """As `submit`, but raises `antpool.TimedOutError` after `timeout` seconds.

        It blocks an event loop, too; there, use `submit_async` with ``asyncio.wait_for``.
        """
        key, future, status = self._try(fn, args, kwargs)
        if status == OVERLOAD:
            status = self._wait_for_room(key, future, timeout)
        self._check(key, status)
        return future

    async def submit_async(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """As `submit`, but waits for room as a coroutine; the future is one of asyncio.

        ``future = await executor.submit_async(fn)`` returns when the call has been accepted, and
        ``await future`` gives its result. So a producer in a coroutine runs no further ahead of
        the calls than the bound allows, and its event loop goes on meanwhile. If the coroutine is
        cancelled while it waits, the call is not made.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        key, future, status = self._try(fn, args, kwargs)
        if status == OVERLOAD:
            room: asyncio.Future[int] = loop.create_future()
            try:
                self._queue(key, future, functools.partial(_resolve, loop, room))
                status = await room
            except BaseException:
                self._forget(key)
                raise
        self._check(key, status)
        return asyncio.wrap_future(future, loop=loop)

    def _try(
        self, fn: Callable[..., Any], args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> Tuple[int, Future[Any], int]:
        """Submits a call if there is room; its number, its future, and the status."""
        if self._workers.broken is not None:
            raise BrokenThreadPool(self._workers.broken)
        future: Future[Any] = Future()
        key = next(_keys)
        self._workers.pending[key] = _Call(future, fn, args, kwargs)
        if self._pool._closing:
            return key, future, CLOSED
        if self._pool.wait_queue.waiting:
            return key, future, OVERLOAD  # Those in the background come first.
        return key, future, calls.try_submit(self._pool._handle, _run, key)

    def _check(self, key: int, status: int) -> None:
        """Raises the error of a submit that has failed for good."""
        if status == OK:
            return
        self._workers.pending.pop(key, None)
        raise self._refusal(status)

    def _refusal(self, status: int) -> Exception:
        """The error for the status of a submit; counts it as the library does."""
        if status == CLOSED:
            return error(status, "cannot schedule new futures after shutdown")
        # In a forked child the lock may be held for ever; the status is another one there.
        if status == TIMED_OUT:
            with self._counting:
                self._timed_out += 1
        elif status in _abi.REJECTIONS:
            with self._counting:
                self._rejected += 1
        return error(status)

    def _wait_for_room(self, key: int, future: Future[Any], timeout: Optional[float]) -> int:
        """Blocks until the call is accepted, or says why it is not."""
        deadline = None if timeout is None else time.monotonic() + timeout
        limit = timeout
        if _lifetime.on_main_thread():
            limit = min(_lifetime.INTERRUPTIBLE_S, float("inf") if timeout is None else timeout)
        try:
            limit_ms = _lifetime.milliseconds(limit)
            status = int(calls.submit_timeout(self._pool._handle, _run, key, limit_ms))
            if status != TIMED_OUT or limit == timeout:
                return status
            # The main thread has to return for signal handlers. It would lose its turn each time,
            # so it waits in the background queue for the rest of the time.
            answers: queue.SimpleQueue[int] = queue.SimpleQueue()
            self._queue(key, future, answers.put)
            try:
                return answers.get(timeout=_lifetime.seconds_left(deadline))
            except queue.Empty:
                self._pool.withdraw(key, TIMED_OUT)  # Unless it has an answer by now.
                return answers.get()
        except BaseException:
            self._forget(key)
            raise

    def _queue(self, key: int, future: Future[Any], complete: Callable[[int], object]) -> None:
        """Queues a call in the background; cancelling its future takes it out again."""
        self._pool.submit_in_background(_run, key, complete)
        future.add_done_callback(
            functools.partial(_withdraw, weakref.ref(self._pool), self._workers, key)
        )

    def _completed(self, key: int, status: int) -> None:
        """The end of a wait in the background whose submit has long returned."""
        if status != OK:
            call = self._workers.pending.pop(key, None)
            if call is not None:
                call.fail(self._refusal(status))

    def _forget(self, key: int) -> None:
        """Drops a call whose caller has given up. If it already runs, it runs on."""
        self._workers.pending.pop(key, None)
        self._pool.withdraw(key, CLOSED)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accepts no more calls; with `wait`, returns when all are done and all threads gone.

        With `cancel_futures`, those that have not started are cancelled. A `submit` that waits for
        room raises RuntimeError; calls that wait for it in the background are made all the same.
        May be called again. Inside one of the executor's own calls `wait` raises
        `antpool.DeadlockError`; the executor is shut down then all the same.
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

    #: As ThreadPoolExecutor calls it. Dask, among others, asks for it by this name.
    _max_workers = max_workers

    def tune(self, max_workers: int) -> None:
        """Changes `max_workers`; running calls go on, surplus threads exit after theirs."""
        self._pool.tune(max_workers)

    def stats(self) -> _abi.Stats:
        """One consistent look at the pool of threads.

        Calls that wait in the background count in `waiting` and `peak_waiting`; in the latter so
        can the thread that asks for room on their behalf.
        """
        return self._pool.stats()._replace(rejected=self._rejected, timed_out=self._timed_out)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {type(self).__name__!r} object: it has threads")


def _on_an_event_loop() -> bool:
    """Whether this thread is that of a running event loop of asyncio."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _resolve(loop: asyncio.AbstractEventLoop, room: asyncio.Future[int], status: int) -> None:
    """Resolves a future of an event loop from another thread."""

    def set_result() -> None:
        if not room.done():
            room.set_result(status)

    try:
        loop.call_soon_threadsafe(set_result)
    except RuntimeError:
        pass  # The loop has been closed: nobody waits any more.


def _withdraw(
    pool: weakref.ref[BackgroundPool], workers: _Workers, key: int, future: Future[Any]
) -> None:
    """The done callback of a future whose call waited in the background."""
    if not future.cancelled():
        return
    alive = pool()  # A future does not keep its executor alive.
    if alive is not None:
        alive.withdraw(key, CLOSED)
    if workers.pending.pop(key, None) is not None:
        future.set_running_or_notify_cancel()


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
        #: Where calls wait for room in the background.
        self.wait_queue = WaitQueue()
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

    def run(self, key: Optional[int]) -> None:
        """Runs the call with this number, unless it has been cancelled; 0: the next that waits."""
        if key == 0:
            key = self.wait_queue.take()
        call = self.pending.pop(key, None) if key is not None else None
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
