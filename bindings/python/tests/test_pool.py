"""Pool: what it says of the C library, said from Python."""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
import weakref

import pytest

import antpool

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def test_a_task_runs_once_with_its_argument(semaphore):
    with antpool.Pool(2) as pool:
        for _ in range(100):
            pool.submit(semaphore.post, semaphore.address)
        pool.wait()
        assert semaphore.value == 100


def test_a_task_can_be_given_by_its_address(semaphore):
    address = ctypes.cast(semaphore.post, ctypes.c_void_p).value
    with antpool.Pool(1) as pool:
        pool.submit(address, semaphore.address)
    assert semaphore.value == 1


def test_invoke_calls_the_function_that_the_pool_was_made_with(semaphore):
    with antpool.Pool(2, semaphore.post) as pool:
        pool.invoke(semaphore.address)
        pool.try_invoke(semaphore.address)
        pool.invoke_timeout(semaphore.address, timeout=None)
        pool.invoke_batch([semaphore.address] * 3)
    assert semaphore.value == 6


def test_tasks_run_while_python_holds_the_gil(semaphore):
    """The main thread gives the GIL up nowhere in the loop, and still sees the task's effect."""
    keeping = ctypes.PyDLL(None)
    value = ctypes.c_int()
    with antpool.Pool(1, min_workers=1) as pool:
        pool.try_submit(semaphore.post, semaphore.address)
        deadline = time.monotonic() + 60
        interval = _switch_interval(1000.0)
        try:
            while value.value == 0 and time.monotonic() < deadline:
                keeping.sem_getvalue(ctypes.c_void_p(semaphore.address), ctypes.byref(value))
        finally:
            _switch_interval(interval)
    assert value.value == 1


def test_as_many_tasks_run_at_once_as_there_are_workers():
    """Each waits at the barrier for all the others."""
    libc = ctypes.CDLL(None)
    barrier = ctypes.create_string_buffer(64)
    assert libc.pthread_barrier_init(barrier, None, 4) == 0
    with antpool.Pool(4) as pool:
        for _ in range(8):
            pool.submit(libc.pthread_barrier_wait, barrier)
        pool.wait()
        assert pool.stats().completed == 8


def test_tasks_that_wait_are_begun_by_their_priority():
    """One worker, held by a semaphore; each task writes its letter into a pipe."""
    libc = ctypes.CDLL(None)
    read_end, write_end = os.pipe()
    held = ctypes.create_string_buffer(64)
    assert libc.sem_init(held, 0, 0) == 0
    begun = []

    def note(letter):
        os.write(write_end, bytes([letter]))

    note_in_c = TASK(note)
    with antpool.Pool(1, queue_capacity=10) as pool:
        pool.submit(libc.sem_wait, held)
        pool.submit_with_priority(note_in_c, ord("e"), priority="low")
        pool.submit(note_in_c, ord("c"))
        pool.submit_with_priority(note_in_c, ord("d"), priority="normal", timeout=1)
        pool.try_submit_with_priority(note_in_c, ord("a"), priority="high")
        pool.submit_with_priority(note_in_c, ord("b"), priority="high")
        with pytest.raises(KeyError):
            pool.submit_with_priority(note_in_c, ord("z"), priority="urgent")
        libc.sem_post(held)
        pool.wait()
        begun = os.read(read_end, 10)
    os.close(read_end)
    os.close(write_end)
    assert begun == b"abcde"


def _switch_interval(seconds):
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    return before


def test_a_copy_is_the_tasks_own():
    seen = []

    @TASK
    def read(address):
        seen.append(ctypes.string_at(address, 5))

    with antpool.Pool(1, queue_capacity=1) as pool:
        data = bytearray(b"hello")
        pool.submit_copy(read, data)
        data[:] = b"other"
        pool.try_submit_copy(read, (ctypes.c_char * 5)(*b"again"))
    assert seen == [b"hello", b"again"]


def test_a_copy_has_a_largest_size(semaphore):
    with antpool.Pool(1) as pool:
        with pytest.raises(antpool.InvalidArgumentError):
            pool.submit_copy(semaphore.post, bytes(antpool.COPY_MAX + 1))
        with pytest.raises(TypeError):
            pool.submit_copy(semaphore.post, 5)


def test_a_batch_is_a_list_or_an_array_of_arguments(semaphore):
    with antpool.Pool(1, queue_capacity=None) as pool:
        pool.submit_batch(semaphore.post, [semaphore.address] * 10)
        pool.submit_batch(semaphore.post, (ctypes.c_void_p * 5)(*[semaphore.address] * 5))
        pool.submit_batch(semaphore.post, [])
        with pytest.raises(TypeError):
            pool.submit_batch(semaphore.post, (ctypes.c_int * 5)())
    assert semaphore.value == 15


def test_a_batch_that_was_turned_away_says_how_far_it_came(gate):
    with antpool.Pool(1, queue_capacity=2) as pool, gate:
        with pytest.raises(antpool.OverloadError) as refusal:
            pool.try_submit_batch(gate.wait, [gate.address] * 5)
        assert refusal.value.accepted == 3
        gate.open(3)


def test_a_full_pool_turns_away_a_try_submit_and_times_out_a_timed_one(gate):
    with antpool.Pool(1) as pool, gate:
        pool.submit(gate.wait, gate.address)
        with pytest.raises(antpool.OverloadError):
            pool.try_submit(gate.post, gate.address)
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            pool.submit_timeout(gate.post, gate.address, timeout=0.05)
        assert time.monotonic() - start >= 0.05
        assert (pool.busy, pool.available, pool.stats().timed_out) == (1, 0, 1)
        gate.open()


def test_a_blocked_submit_lets_other_threads_run(gate):
    with antpool.Pool(1) as pool, gate:
        pool.submit(gate.wait, gate.address)
        blocked = threading.Thread(target=pool.submit, args=(gate.wait, gate.address))
        blocked.start()
        while pool.waiting == 0:  # This thread runs, and sees the other one wait.
            time.sleep(0.001)
        gate.open(2)
        blocked.join()
        pool.wait()
        assert pool.stats().completed == 2


def test_waits_say_when_time_is_up(gate):
    with antpool.Pool(1) as pool, gate:
        pool.submit(gate.wait, gate.address)
        for wait in (pool.wait, pool.release_timeout):
            for timeout in (0, 0.01, 0.25):
                start = time.monotonic()
                with pytest.raises(antpool.TimedOutError):
                    wait(timeout)
                assert time.monotonic() - start >= timeout
        assert pool.closed
        gate.open()


def test_endless_times_are_times(semaphore):
    with antpool.Pool(1, expiry=float("inf")) as pool:
        pool.submit_timeout(semaphore.post, semaphore.address, timeout=float("inf"))
        pool.wait(float("inf"))
        pool.wait(1e300)
    assert semaphore.value == 1


def test_a_closed_pool_accepts_nothing_until_it_is_rebooted(semaphore):
    pool = antpool.Pool(1)
    pool.close()
    pool.close()
    with pytest.raises(antpool.ClosedError):
        pool.submit(semaphore.post, semaphore.address)
    with pytest.raises(antpool.ClosedError):
        pool.release_timeout(0)
    pool.reboot()
    pool.submit(semaphore.post, semaphore.address)
    pool.close()
    assert semaphore.value == 1


def test_a_pool_can_be_tuned(gate):
    with antpool.Pool(1) as pool, gate:
        pool.tune(3)
        for _ in range(3):
            pool.try_submit(gate.wait, gate.address)
        assert (pool.capacity, pool.running) == (3, 3)
        gate.open(3)


def test_the_default_pool_is_one(semaphore):
    pool = antpool.Pool.default()
    assert pool.capacity == antpool.Pool.default().capacity == 512
    pool.submit(semaphore.post, semaphore.address)
    pool.wait()
    assert semaphore.value == 1


def test_a_failed_task_is_told_to_the_panic_handler():
    failures = []

    @TASK
    def fail(_arg):
        antpool.task_fail("on purpose")
        antpool.task_fail("the first message stands")

    with antpool.Pool(1, panic_handler=failures.append) as pool:
        pool.submit(fail, 7)
    address = ctypes.cast(fail, ctypes.c_void_p).value
    assert failures == [antpool.Failure(address, 7, "on purpose")]


def test_without_a_panic_handler_a_failed_task_is_logged():
    lines = []
    fail = TASK(lambda _arg: antpool.task_fail("on purpose"))
    with antpool.Pool(1, logger=lambda *line: lines.append(line)) as pool:
        pool.submit(fail)
    [(level, line)] = lines
    assert level == logging.ERROR and "on purpose" in line


def test_hooks_run_on_the_thread_of_the_worker():
    events = []

    def note(event):
        return lambda *_: events.append((event, threading.get_ident()))

    run = TASK(note("task"))
    with antpool.Pool(1, on_worker_start=note("start"), on_worker_stop=note("stop")) as pool:
        pool.submit(run)
    assert [event for event, _ in events] == ["start", "task", "stop"]
    assert len({thread for _, thread in events}) == 1


def test_an_exception_in_a_hook_is_reported_and_the_pool_goes_on(semaphore, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append(report.exc_type))

    def fail(_index):
        raise LookupError

    with antpool.Pool(1, on_worker_start=fail, on_worker_stop=fail) as pool:
        pool.submit(semaphore.post, semaphore.address)
    assert semaphore.value == 1
    assert reports == [LookupError, LookupError]


def test_a_worker_that_calls_python_keeps_its_thread_state():
    local = threading.local()
    counts = []

    @TASK
    def count(_arg):
        local.count = getattr(local, "count", 0) + 1
        counts.append(local.count)

    with antpool.Pool(1, queue_capacity=None, on_worker_start=lambda _: None) as pool:
        for _ in range(5):
            pool.submit(count)
    assert counts == [1, 2, 3, 4, 5]


def test_waiting_inside_an_own_task_is_a_deadlock_error():
    errors = []

    with antpool.Pool(1) as pool:

        @TASK
        def wait_for_itself(_arg):
            for wait in (pool.wait, pool.close):
                try:
                    wait()
                except antpool.DeadlockError as error:
                    errors.append(error.status_name)

        pool.submit(wait_for_itself)
        pool.wait()
    assert errors == ["ANTPOOL_ERR_DEADLOCK"] * 2


def test_python_functions_are_refused():
    with antpool.Pool(1) as pool:
        for wrong in (print, None, b"text", 1.5):
            with pytest.raises(TypeError, match=r"antpool\.Executor"):
                pool.submit(wrong)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(antpool.InvalidExpiryError):
        antpool.Pool(1, expiry=-1)
    with pytest.raises(antpool.InvalidPreallocError):
        antpool.Pool(1, pre_alloc=True, queue_capacity=None)
    for capacity in (0, -2, 2**64 + 1):
        with pytest.raises(ValueError):
            antpool.Pool(capacity)
    with pytest.raises(ValueError, match="daemon"):
        antpool.Pool(1, daemon=True, logger=print)
    for wrong in ({"queue_capacity": -1}, {"min_workers": 2}, {"stack_size": 1}):
        with pytest.raises(ValueError):
            antpool.Pool(1, **wrong)


def test_a_pool_ends_with_its_last_reference(semaphore, gate):
    """Also while a task runs: accepted tasks go on without the object."""
    idle, busy = antpool.Pool(1), antpool.Pool(1, queue_capacity=1)
    busy.submit(gate.wait, gate.address)
    busy.submit(semaphore.post, semaphore.address)
    references = [weakref.ref(idle), weakref.ref(busy)]
    del idle, busy
    assert [reference() for reference in references] == [None, None]
    gate.open()
    with antpool.Pool(1) as pool:
        pool.submit(semaphore.wait, semaphore.address)  # Returns when the queued task has run.


def test_a_wait_on_the_main_thread_is_ended_by_ctrl_c(gate):
    with antpool.Pool(1) as pool, gate:
        pool.submit(gate.wait, gate.address)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                pool.wait()
        finally:
            signal.signal(signal.SIGALRM, before)
        gate.open()


def test_a_paused_pool_begins_no_task_until_it_is_resumed(semaphore, gate):
    with antpool.Pool(1, queue_capacity=None) as pool:
        pool.pause()
        assert pool.paused
        pool.submit(semaphore.post, semaphore.address)
        with pytest.raises(antpool.TimedOutError):
            pool.wait(0)
        pool.resume()
        assert not pool.paused
        pool.wait()
        assert semaphore.value == 1
        pool.release()
        with pytest.raises(antpool.ClosedError):
            pool.pause()


def test_idle_workers_exit_after_another_time_or_at_once(semaphore):
    with antpool.Pool(1, expiry=None) as lasting, antpool.Pool(1, expiry=3600) as pool:
        for each in (lasting, pool):
            each.submit(semaphore.post, semaphore.address)
            each.wait()
        pool.set_expiry(0.001)
        lasting.trim()
        with pytest.raises(antpool.InvalidExpiryError):
            pool.set_expiry(-1)
        with pytest.raises(antpool.UnsupportedError):
            lasting.set_expiry(1)
        while pool.running or lasting.running:
            lasting.trim()


def test_a_dump_says_what_the_pool_is_doing(gate, tmp_path):
    said = ""
    with antpool.Pool(3) as pool, gate:
        pool.submit(gate.wait, gate.address)
        while "worker 0" not in said:  # Until it has begun.
            with open(tmp_path / "dump", "w") as file:
                pool.dump(file)
            said = (tmp_path / "dump").read_text()
        gate.open()
    assert "capacity 3" in said
