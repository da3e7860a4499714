"""Nothing is kept: no argument, no future, no callback, no thread."""

import copy
import ctypes
import gc
import pickle
import sys
import threading
import weakref

import pytest

import antpool
from antpool import _callbacks, _lifetime


class Thing:
    """Something whose end can be watched."""

    def method(self):
        return None

    def fail(self):
        raise ValueError("on purpose")


def test_a_finished_call_keeps_neither_function_nor_argument_nor_result():
    with antpool.Executor(1) as executor:
        argument = Thing()
        gone = weakref.ref(argument)
        future = executor.submit(lambda thing: Thing(), argument)
        result = weakref.ref(future.result())
        executor.submit(int).result()  # The worker is past the call when it has done another.
        del argument, future
        assert (gone(), result()) == (None, None)


def test_a_failed_call_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        with antpool.Executor(1) as executor:
            argument = Thing()
            gone = weakref.ref(argument)
            future = executor.submit(argument.fail)
            assert isinstance(future.exception(), ValueError)
            executor.submit(int).result()
            del argument, future
            assert gone() is None
    finally:
        gc.enable()


def test_a_cancelled_call_lets_go_of_its_argument():
    door = threading.Event()
    argument = Thing()
    gone = weakref.ref(argument)
    executor = antpool.Executor(1)
    executor.submit(door.wait)
    future = executor.submit(argument.method)
    executor.shutdown(wait=False, cancel_futures=True)
    assert future.cancelled()
    del argument, future
    gc.collect()
    assert gone() is None
    door.set()
    executor.shutdown()


def test_reference_counts_come_back_to_what_they_were():
    argument, function, marker = object(), (lambda *_: None), object()
    counted = (argument, function, marker, None.__class__)

    def round_of_everything():
        with antpool.Executor(2, queue_capacity=5, initializer=function) as executor:
            futures = [executor.submit(function, argument, marker) for _ in range(50)]
            futures += [executor.submit(int, "not a number") for _ in range(5)]
            for future in futures:
                future.exception()
            futures[0].add_done_callback(function)
            executor.shutdown(cancel_futures=True)

    round_of_everything()
    gc.collect()
    before = [sys.getrefcount(thing) for thing in counted]
    for _ in range(20):
        round_of_everything()
    gc.collect()
    assert [sys.getrefcount(thing) for thing in counted] == before


def test_an_executor_that_is_dropped_is_freed_with_its_initializer():
    thing = Thing()
    gone = weakref.ref(thing)
    executor = antpool.Executor(2, initializer=thing.method)
    executor.submit(int).result()
    executor.shutdown()
    del executor, thing
    assert gone() is None


def test_callbacks_of_a_pool_go_with_the_pool():
    registered = len(_callbacks._registered)
    thing = Thing()
    gone = weakref.ref(thing)
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    pool = antpool.Pool(1, on_worker_start=lambda _, thing=thing: None)
    pool.submit(nothing)
    pool.close()
    del pool, thing
    assert gone() is None
    assert len(_callbacks._registered) == registered


def test_a_pool_that_was_dropped_while_busy_is_freed_later(gate):
    pool = antpool.Pool(1, on_worker_start=lambda _: None)
    pool.submit(gate.wait, gate.address)
    handle = pool._handle
    del pool
    assert handle in [remains.handle for remains in _lifetime._abandoned]
    gate.open()
    while handle in [remains.handle for remains in _lifetime._abandoned]:
        with antpool.Pool(1) as pool:  # Making a pool looks after those that were dropped.
            pool.wait()


def test_a_pool_in_a_cycle_can_be_called_by_the_finalizers_of_its_cycle():
    """The handle is gone then, or not yet; what it stood for must not be touched once it is."""
    seen = []

    class Owner:
        def __init__(self):
            self.pool = antpool.Pool(1)
            self.executor = antpool.Executor(1)
            self.itself = self

        def __del__(self):
            for end in (self.pool.close, self.executor.shutdown):
                try:
                    end()
                except antpool.InvalidArgumentError:
                    pass
            seen.append((self.pool.running, self.executor._pool.running))

    for _ in range(20):
        Owner()
        gc.collect()
    assert seen == [(0, 0)] * 20


@pytest.mark.parametrize("make", [antpool.Pool, antpool.Executor, lambda _: antpool.Pool.default()])
def test_pools_cannot_be_pickled_or_copied(make):
    """A copy would be a second owner of the same handle."""
    pool = make(1)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"cannot pickle or copy '(Pool|Executor)' object"):
            attempt(pool)


def test_a_pool_that_cannot_be_made_leaves_nothing_behind():
    registered = len(_callbacks._registered)
    for _ in range(3):
        try:
            antpool.Executor(1, stack_size=1)
        except antpool.InvalidArgumentError:
            pass
        else:
            raise AssertionError("a stack of one byte was granted")
    assert len(_callbacks._registered) == registered


def test_threads_that_are_gone_are_forgotten_by_threading():
    before = threading.enumerate()
    for _ in range(10):
        together = threading.Barrier(4)
        with antpool.Executor(4) as executor:
            for _ in range(4):
                executor.submit(lambda both: (threading.current_thread(), both.wait(60)), together)
        assert threading.enumerate() == before
