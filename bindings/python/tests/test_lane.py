"""Lane: tasks of a pool that begin in order, at most a number of them at a time."""

import ctypes
import gc
import os
import sys

import pytest

import antpool
from antpool import _lane

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def test_tasks_of_a_lane_run_one_after_the_other_in_order():
    seen = []
    note = TASK(seen.append)
    with antpool.Pool(4) as pool:
        lane = pool.lane()
        for number in range(1, 501):
            lane.submit(note, number)
        lane.wait()
        assert seen == list(range(1, 501))
        assert lane.running == lane.queued == 0


def test_a_wider_lane_holds_slow_tasks_to_its_limit(semaphore, gate):
    with antpool.Pool(4) as pool:
        with pool.lane(2) as lane:
            for _ in range(10):
                lane.submit(gate.wait, gate.address)
            for _ in range(100):
                pool.submit(semaphore.post, semaphore.address)
            while semaphore.value < 100:
                os.sched_yield()
            assert lane.running <= 2
            assert lane.running + lane.queued == 10
            for _ in range(10):
                gate.open()
        assert lane.queued == 0


def test_an_exception_that_leaves_a_block_cancels_the_rest(semaphore, gate):
    with antpool.Pool(1) as pool:
        with pytest.raises(KeyError):
            with pool.lane() as lane:
                lane.submit(gate.wait, gate.address)
                for _ in range(50):
                    lane.submit(semaphore.post, semaphore.address)
                lane.cancel()
                gate.open()
                raise KeyError
        assert semaphore.value == 0
        lane.submit(semaphore.post, semaphore.address)
        lane.wait()
        assert semaphore.value == 1


def test_what_is_canceled_is_discarded(semaphore, gate):
    discarded = []
    discard = TASK(discarded.append)
    with antpool.Pool(1) as pool:
        lane = pool.lane()
        lane.submit(gate.wait, gate.address)
        for number in range(1, 11):
            lane.submit(semaphore.post, number)
        lane.cancel(discard)
        with pytest.raises(antpool.CanceledError):
            lane.submit(semaphore.post, semaphore.address)
        gate.open()
        lane.wait()
        # The first one may have been discarded as well, if no worker had begun it.
        assert discarded[-10:] == list(range(1, 11))


def test_a_wait_says_when_time_is_up_and_when_a_task_has_failed(gate):
    fail = TASK(lambda _: antpool.task_fail("on purpose"))
    with antpool.Pool(1, panic_handler=lambda failure: None) as pool:
        lane = pool.lane()
        lane.submit(gate.wait, gate.address)
        lane.submit(fail)
        with pytest.raises(antpool.TimedOutError):
            lane.wait(0.001)
        gate.open()
        with pytest.raises(antpool.TaskFailedError):
            lane.wait()
        lane.wait()


def test_a_full_pool_turns_an_empty_lane_away_and_no_other(semaphore, gate):
    with antpool.Pool(1) as pool:
        lane = pool.lane()
        pool.submit(gate.wait, gate.address)
        with pytest.raises(antpool.OverloadError):
            lane.try_submit(semaphore.post, semaphore.address)
        with pytest.raises(antpool.TimedOutError):
            lane.submit_timeout(semaphore.post, semaphore.address, timeout=0.001)
        lane.wait(0)
        gate.open()
        pool.wait()
        lane.submit(gate.wait, gate.address)
        lane.try_submit(semaphore.post, semaphore.address)
        gate.open()
        lane.wait()
        assert semaphore.value == 1


def test_a_lane_of_no_tasks_is_refused(semaphore):
    with antpool.Pool(1) as pool:
        for limit in (0, -1, 2**70):
            with pytest.raises(antpool.InvalidArgumentError):
                pool.lane(limit)
        lane = pool.lane(sys.maxsize)
        for call in (lane.submit, lane.try_submit, lane.cancel):
            with pytest.raises(TypeError):
                call(print)
    with pytest.raises(antpool.ClosedError):
        lane.submit(semaphore.post, semaphore.address)


def test_a_lane_that_nothing_refers_to_is_freed_when_its_tasks_have_run(gate):
    with antpool.Pool(1) as pool:
        lane = pool.lane()
        lane.submit(gate.wait, gate.address)
        del lane
        gc.collect()
        assert len(_lane._abandoned) == 1
        gate.open()
        pool.wait()
        pool.lane()
        assert _lane._abandoned == []


def test_in_a_forked_child_a_lane_says_so(semaphore):
    with antpool.Pool(1) as pool:
        lane = pool.lane()
        child = os.fork()
        if child == 0:
            try:
                lane.submit(semaphore.post, semaphore.address)
            except antpool.ForkedError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
