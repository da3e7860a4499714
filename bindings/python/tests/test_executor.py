"""Executor: what a ThreadPoolExecutor promises, and the bound that it does not have."""

import concurrent.futures
import gc
import logging
import threading
import time
import weakref
from concurrent.futures.thread import BrokenThreadPool

import pytest

import antpool


class Door(threading.Event):
    """What calls are held at. A ``with`` block opens it in the end, however it is left."""

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.set()


@pytest.fixture
def door():
    with Door() as door:
        yield door


def test_results_and_exceptions_travel_in_the_future():
    with antpool.Executor(2) as executor:
        assert executor.submit(pow, 2, 8).result() == 256
        assert executor.submit(dict, fn=1, self=2, timeout=3).result() == {
            "fn": 1,
            "self": 2,
            "timeout": 3,
        }
        for error in (ZeroDivisionError, SystemExit, KeyboardInterrupt):
            with pytest.raises(error):
                executor.submit(_raise, error).result()
        assert list(executor.map(pow, [2, 3], [5, 2])) == [32, 9]


def _raise(error):
    raise error


def test_it_is_an_executor_of_concurrent_futures():
    with antpool.Executor(3) as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        futures = [executor.submit(pow, n, 2) for n in range(20)]
        done, not_done = concurrent.futures.wait(futures)
        assert not not_done
        assert sorted(f.result() for f in concurrent.futures.as_completed(done)) == [
            n * n for n in range(20)
        ]


def test_as_many_calls_run_at_once_as_there_are_workers():
    together = threading.Barrier(4)
    with antpool.Executor(4) as executor:
        futures = [executor.submit(together.wait, 60) for _ in range(4)]
        assert sorted(future.result() for future in futures) == [0, 1, 2, 3]
        assert executor.stats().peak_running == 4


def test_calls_start_in_the_order_in_which_they_were_submitted():
    order = []
    with antpool.Executor(1) as executor:
        for number in range(100):
            executor.submit(order.append, number)
    assert order == list(range(100))


def test_threads_are_named():
    names = set()

    def note(together):
        names.add(threading.current_thread().name)
        together.wait(60)

    for prefix, expected in (("mine", {"mine_0", "mine_1"}), ("", None)):
        names.clear()
        together = threading.Barrier(2)
        with antpool.Executor(2, prefix) as executor:
            executor.submit(note, together)
            executor.submit(note, together)
        assert names == expected if expected else len(names) == 2


def test_a_full_executor_turns_calls_away_times_them_out_or_waits(door):
    with antpool.Executor(2, queue_capacity=3) as executor, door:
        held = [executor.submit(door.wait) for _ in range(5)]
        with pytest.raises(antpool.OverloadError):
            executor.try_submit(pow, 2, 2)
        for timeout in (0, 0.05, 0.25):
            start = time.monotonic()
            with pytest.raises(antpool.TimedOutError):
                executor.submit_timeout(timeout, pow, 2, 2)
            assert time.monotonic() - start >= timeout

        waiting = threading.Thread(target=executor.submit, args=(door.wait,))
        waiting.start()
        _until(lambda: executor.stats().waiting == 1)
        door.set()
        waiting.join()
        assert all(future.result() for future in held)
        assert executor.try_submit(pow, 2, 2).result() == 4
        # A submit that only waited was neither turned away nor timed out.
        stats = executor.stats()
        assert (stats.rejected, stats.timed_out) == (1, 3)


def _until(condition):
    while not condition():
        time.sleep(0.001)


def test_a_call_that_was_turned_away_never_runs_and_leaves_nothing_behind(door):
    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    with antpool.Executor(1, queue_capacity=0) as executor, door:
        running = executor.submit(door.wait)
        with pytest.raises(antpool.OverloadError):
            executor.try_submit(_raise, argument)
        del argument
        gc.collect()  # The traceback of the error held it.
        assert gone() is None
        _until(running.running)
        assert not executor._workers.pending
        door.set()
    assert executor.stats().completed == 1


def test_a_submit_that_only_waits_for_itself_is_a_deadlock_error():
    def nested():
        with pytest.raises(antpool.DeadlockError):
            executor.submit(pow, 2, 2)
        return True

    with antpool.Executor(1, queue_capacity=0) as executor:
        assert executor.submit(nested).result()
        assert executor.stats().rejected == 1


def test_a_main_thread_that_waits_for_long_keeps_its_turn(door):
    """It has to look up for signals; the threads that come later must not pass it each time."""
    order = []
    with antpool.Executor(1, queue_capacity=0) as executor, door:
        executor.submit(door.wait)

        def later():
            pool = executor._pool
            _until(lambda: pool.wait_queue.waiting)  # It has looked up once.
            _until(lambda: antpool.Pool.waiting.fget(pool) == 1)  # The library knows of it.
            threads = [
                threading.Thread(target=executor.submit, args=(order.append, "late"))
                for _ in range(20)
            ]
            for thread in threads:
                thread.start()
            _until(lambda: executor.stats().waiting == 21)
            time.sleep(0.5)  # It would look up twice in that time.
            door.set()
            for thread in threads:
                thread.join()

        other = threading.Thread(target=later)
        other.start()
        executor.submit(order.append, "main").result()
        other.join()
    assert order.index("main") <= 1


def test_shutdown_waits_for_every_call_and_every_thread():
    finished = []
    executor = antpool.Executor(2)
    for number in range(50):
        executor.submit(lambda n: (time.sleep(0.001), finished.append(n)), number)
    executor.shutdown()
    assert sorted(finished) == list(range(50))
    assert executor.stats().running == 0
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(pow, 2, 2)


def test_shutdown_without_waiting_returns_while_calls_run(door):
    executor = antpool.Executor(1)
    future = executor.submit(door.wait)
    queued = executor.submit(pow, 2, 2)
    executor.shutdown(wait=False)
    assert not future.done()
    door.set()
    assert future.result() and queued.result() == 4


def test_shutdown_cancels_what_has_not_started(door):
    started = threading.Event()
    executor = antpool.Executor(1)
    running = executor.submit(lambda: (started.set(), door.wait()))
    queued = [executor.submit(pow, 2, 2) for _ in range(20)]
    started.wait()
    executor.shutdown(wait=False, cancel_futures=True)
    # Cancelled and notified: whoever waits for them need not wait for the worker.
    done, not_done = concurrent.futures.wait(queued, timeout=60)
    assert not not_done and all(future.cancelled() for future in done)
    door.set()
    assert running.result()


def test_shutdown_turns_a_waiting_submit_away(door):
    executor = antpool.Executor(1, queue_capacity=0)
    executor.submit(door.wait)
    errors = []

    def submit():
        try:
            executor.submit(pow, 2, 2)
        except RuntimeError as error:
            errors.append(error)

    waiting = threading.Thread(target=submit)
    waiting.start()
    _until(lambda: executor.stats().waiting == 1)
    executor.shutdown(wait=False)
    waiting.join()
    assert [type(error) for error in errors] == [antpool.ClosedError]


def test_shutdown_inside_a_call_does_not_wait_for_itself():
    def shut_down():
        with pytest.raises(antpool.DeadlockError):
            executor.shutdown()
        return True

    executor = antpool.Executor(1)
    assert executor.submit(shut_down).result()
    executor.shutdown()


def test_an_executor_that_is_dropped_finishes_its_calls():
    executor = antpool.Executor(1)
    futures = [executor.submit(pow, n, 2) for n in range(50)]
    del executor
    assert [future.result() for future in futures] == [n * n for n in range(50)]


def test_a_future_that_was_cancelled_does_not_run(door):
    ran = []
    with antpool.Executor(1) as executor, door:
        executor.submit(door.wait)
        future = executor.submit(ran.append, 1)
        assert future.cancel()
        door.set()
    assert ran == [] and future.cancelled()


def test_the_initializer_runs_on_each_thread_before_its_first_call():
    local = threading.local()
    together = threading.Barrier(3)

    def look():
        together.wait(60)
        return local.value

    with antpool.Executor(3, initializer=local.__setattr__, initargs=("value", 7)) as executor:
        assert [f.result() for f in [executor.submit(look) for _ in range(3)]] == [7, 7, 7]


def test_an_initializer_that_fails_breaks_the_executor(caplog):
    with caplog.at_level(logging.CRITICAL, "concurrent.futures"):
        with antpool.Executor(1, initializer=_raise, initargs=(ValueError("no"),)) as executor:
            futures = []
            try:
                futures = [executor.submit(pow, 2, 2) for _ in range(10)]
            except BrokenThreadPool:
                pass  # It was broken by the time the last were submitted.
            for future in futures:
                with pytest.raises(BrokenThreadPool):
                    future.result()
            _until(lambda: executor._workers.broken)
            with pytest.raises(BrokenThreadPool):
                executor.submit(pow, 2, 2)
    assert "Exception in initializer" in caplog.text


def test_idle_threads_exit_after_the_idle_timeout_and_not_before():
    with antpool.Executor(1, idle_timeout=0.2) as executor:
        executor.submit(pow, 2, 2).result()
        start = time.monotonic()
        _until(lambda: executor.stats().running == 0)
        assert time.monotonic() - start >= 0.15  # The call ended a little before `start`.
        assert executor.submit(pow, 2, 2).result() == 4
    with antpool.Executor(1) as executor:
        executor.submit(pow, 2, 2).result()
        time.sleep(1.3)  # Longer than the library's own default.
        assert executor.stats().running == 1


def test_the_number_of_workers_can_be_changed():
    together = threading.Barrier(3)
    with antpool.Executor(1) as executor:
        executor.tune(3)
        assert executor.max_workers == 3
        futures = [executor.submit(together.wait, 60) for _ in range(3)]
        assert len({future.result() for future in futures}) == 3


def test_arguments_are_checked():
    assert antpool.Executor().max_workers == min(32, antpool.usable_cpus() + 4)
    for number in (0, -1):
        with pytest.raises(ValueError, match="max_workers must be greater than 0"):
            antpool.Executor(number)
    with pytest.raises(TypeError):
        antpool.Executor(initializer=7)
    with antpool.Executor(1) as executor, pytest.raises(TypeError):
        executor.submit(fn=pow)


def test_many_threads_submit_at_once_to_a_small_executor():
    """Waits, turns and results under contention: none is lost, none is doubled."""
    results = []
    with antpool.Executor(3, queue_capacity=2) as executor:

        def produce(base):
            futures = [executor.submit(int, base + n) for n in range(300)]
            results.extend(future.result() for future in futures)

        producers = [threading.Thread(target=produce, args=(1000 * n,)) for n in range(6)]
        for producer in producers:
            producer.start()
        for producer in producers:
            producer.join()
    assert sorted(results) == [1000 * n + k for n in range(6) for k in range(300)]
