"""Group: tasks of a pool that are waited for and canceled together."""

import ctypes
import gc
import os

import pytest

import antpool
from antpool import _group

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def test_a_group_waits_for_its_own_tasks(semaphore, gate):
    with antpool.Pool(2) as pool:
        pool.submit(gate.wait, gate.address)
        group = pool.group()
        for _ in range(100):
            group.submit(semaphore.post, semaphore.address)
        group.wait()
        assert semaphore.value == 100
        group.submit_batch(semaphore.post, [semaphore.address] * 10)
        group.submit_timeout(semaphore.post, semaphore.address, timeout=None)
        group.wait(60)
        assert semaphore.value == 111
        gate.open()


def test_the_end_of_a_block_waits(semaphore):
    with antpool.Pool(2) as pool:
        with pool.group() as group:
            for _ in range(50):
                group.submit(semaphore.post, semaphore.address)
        assert semaphore.value == 50


def test_an_exception_that_leaves_a_block_cancels_the_rest(semaphore, gate):
    with antpool.Pool(1, queue_capacity=None) as pool:
        with pytest.raises(KeyError):
            with pool.group() as group:
                group.submit(gate.wait, gate.address)
                for _ in range(50):
                    group.submit(semaphore.post, semaphore.address)
                _open_when_canceled(group, gate)
                raise KeyError
        assert semaphore.value == 0
        group.submit(semaphore.post, semaphore.address)
        group.wait()
        assert semaphore.value == 1


def _open_when_canceled(group, gate):
    """The task at the gate goes on when the group is canceled, and not before."""
    cancel = group.cancel

    def cancel_and_open(discard=None):
        cancel(discard)
        gate.open()

    group.cancel = cancel_and_open


def test_what_is_canceled_is_discarded(semaphore, gate):
    discarded = []
    discard = TASK(discarded.append)
    with antpool.Pool(1, queue_capacity=None) as pool:
        group = pool.group()
        pool.submit(gate.wait, gate.address)
        for number in range(1, 11):
            group.submit(semaphore.post, number)
        group.cancel(discard)
        with pytest.raises(antpool.CanceledError):
            group.submit(semaphore.post, semaphore.address)
        gate.open()
        group.wait()
        assert discarded == list(range(1, 11))


def test_a_wait_says_when_time_is_up_and_when_a_task_has_failed(gate):
    fail = TASK(lambda _: antpool.task_fail("on purpose"))
    with antpool.Pool(1, queue_capacity=None, panic_handler=lambda failure: None) as pool:
        group = pool.group()
        group.submit(gate.wait, gate.address)
        group.submit(fail)
        with pytest.raises(antpool.TimedOutError):
            group.wait(0.001)
        gate.open()
        with pytest.raises(antpool.TaskFailedError):
            group.wait()
        group.wait()


def test_a_full_pool_turns_a_group_away(semaphore, gate):
    with antpool.Pool(1) as pool:
        pool.submit(gate.wait, gate.address)
        group = pool.group()
        with pytest.raises(antpool.OverloadError):
            group.try_submit(semaphore.post, semaphore.address)
        with pytest.raises(antpool.TimedOutError):
            group.submit_timeout(semaphore.post, semaphore.address, timeout=0.001)
        group.wait(0)
        gate.open()


def test_other_work_is_waited_for():
    with antpool.Pool(1) as pool:
        group = pool.group()
        with pytest.raises(antpool.InvalidArgumentError):
            group.done()
        with pytest.raises(antpool.InvalidArgumentError):
            group.add(-(2**70))
        group.add(2)
        group.done()
        with pytest.raises(antpool.TimedOutError):
            group.wait(0.001)
        group.done()
        group.wait()


def test_a_group_that_nothing_refers_to_is_freed_when_its_tasks_have_run(semaphore, gate):
    with antpool.Pool(1) as pool:
        group = pool.group()
        group.submit(gate.wait, gate.address)
        del group
        gc.collect()
        assert len(_group._abandoned) == 1
        gate.open()
        pool.wait()
        pool.group()
        assert _group._abandoned == []


def test_python_functions_are_refused():
    with antpool.Pool(1) as pool:
        for call in (pool.group().submit, pool.group().cancel):
            with pytest.raises(TypeError):
                call(print)


def test_in_a_forked_child_a_group_says_so(semaphore):
    with antpool.Pool(1) as pool:
        group = pool.group()
        child = os.fork()
        if child == 0:
            try:
                group.submit(semaphore.post, semaphore.address)
            except antpool.ForkedError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
