"""The interpreter ends while workers are busy; a child is forked while they are."""

import os
import signal

import pytest

RUNS = int(os.environ.get("ANTPOOL_EXIT_RUNS", "100"))

WITH_AN_EXECUTOR = """
import antpool, sys, time

def spin():
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass

executor = antpool.Executor(4)
for n in range(4):
    executor.submit(spin)
    executor.submit(time.sleep, 0.02)
executor.submit(sys.stdout.write, "last")
"""

# The task calls Python and never ends: where it asks for the GIL while the interpreter ends,
# CPython up to 3.13 ends its thread, and later ones stop it.
WITH_PYTHON_IN_C_TASKS = """
import antpool, ctypes, itertools, threading, time

started = threading.Barrier(4)

@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def never_ends(sleeps):
    started.wait()
    while True:
        if sleeps:
            time.sleep(0.0001)

pool = antpool.Pool(3, daemon=True)
for sleeps in (0, 1, 1):
    pool.submit(never_ends, sleeps)
started.wait()
print("last", end="")
"""

# What the tasks use must not be Python's: it would be freed under them.
WITH_C_TASKS = """
import antpool, ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
semaphore = ctypes.c_void_p(libc.malloc(64))
libc.sem_init(semaphore, 0, 0)
pool = antpool.Pool(4, daemon=True)
for n in range(4):
    pool.submit(libc.sem_wait, semaphore)
print("last", end="")
"""


# What the library says of a task whose thread CPython has ended.
ENDED = "antpool: a task failed: the task ended its thread"


@pytest.mark.parametrize(
    ("program", "stderr"),
    [
        pytest.param(WITH_AN_EXECUTOR, (), id="executor"),
        pytest.param(WITH_PYTHON_IN_C_TASKS, (ENDED,), id="python in C tasks"),
        pytest.param(WITH_C_TASKS, (), id="C tasks"),
    ],
)
def test_the_interpreter_ends_cleanly_while_workers_are_busy(program, stderr, run_python):
    for _ in range(RUNS):
        assert run_python(program, stderr=stderr) == "last"


def test_the_end_of_the_interpreter_runs_what_was_submitted(run_python):
    program = """
import antpool, sys, time
antpool.Executor(1).submit(time.sleep, 0.2)
kept, dropped = antpool.Executor(1), antpool.Executor(1)
for executor in (kept, dropped):
    for n in range(100):
        executor.submit(sys.stdout.write, f"{n}\\n")
del dropped, executor
"""
    numbers = sorted(int(line) for line in run_python(program).split())
    assert numbers == sorted(2 * list(range(100)))


def test_the_end_of_the_interpreter_waits_for_c_tasks(run_python):
    """They may use memory that Python is about to free."""
    program = """
import antpool, atexit, ctypes
pool, dropped = antpool.Pool(1), antpool.Pool(1)
request = (ctypes.c_long * 2)(0, 100_000_000)
nanosleep = ctypes.CDLL(None).nanosleep
nanosleep.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
tasks = [ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda r: nanosleep(r, None)) for _ in "ab"]
for each, task in zip((pool, dropped), tasks):
    each.submit(task, request)
del dropped, each
atexit.register(lambda: print(pool.running, len(antpool._lifetime._abandoned), end=""))
"""
    assert run_python(program) == "0 0"


def test_nothing_can_be_submitted_once_the_interpreter_ends(run_python):
    program = """
import antpool, time
def late():
    time.sleep(0.2)
    for attempt in (lambda: executor.submit(print, "ran"), lambda: antpool.Executor(1)):
        try:
            attempt()
        except RuntimeError as error:
            print(error)
executor = antpool.Executor(1)
executor.submit(late)
"""
    assert run_python(program).splitlines() == [
        "cannot schedule new futures after shutdown",
        "cannot make a pool at interpreter shutdown",
    ]


HELD = """
import antpool, threading
executor = antpool.Executor(2, queue_capacity=100)
started = threading.Barrier(3)
def hold():
    started.wait()
    threading.Event().wait()
for n in range(2):
    executor.submit(hold)
for n in range(100):
    executor.submit(print, "never")
started.wait()
print("waiting", flush=True)
"""


@pytest.mark.parametrize("wait", ["", "executor.shutdown()", "executor.submit(print)"])
def test_ctrl_c_ends_a_program_whose_workers_never_finish(wait, run_python):
    """One ends the wait in the program, if it is in one, the next the wait at its end."""
    printed = run_python(
        HELD + wait, status={0, -signal.SIGINT}, stderr=None, pressing=signal.SIGINT
    )
    assert printed == "waiting\n"


# The fork comes when the threads are known to Python: if one is just about to be, CPython 3.11 can
# hang in the child's os.fork().
FORKED_WITH_AN_EXECUTOR = """
import antpool, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
door, started = threading.Event(), threading.Barrier(3)
executor = antpool.Executor(2, queue_capacity=5)
held = [executor.submit(lambda: started.wait() is not None and door.wait()) for _ in range(2)]
started.wait()
held += [executor.submit(door.wait) for _ in range(2)]
child = os.fork()
if child == 0:
    try:
        executor.submit(print)
    except antpool.ForkedError:
        pass
    else:
        os._exit(3)
    executor.shutdown()
    with antpool.Executor(2) as own:
        assert own.submit(pow, 2, 5).result() == 32
    sys.exit(4)
_, status = os.waitpid(child, 0)
door.set()
assert all(future.result() for future in held)
print(os.WEXITSTATUS(status), end="")
"""


def test_a_forked_child_can_end_and_have_an_executor_of_its_own(run_python):
    for _ in range(10):
        assert run_python(FORKED_WITH_AN_EXECUTOR) == "4"


# Calls wait for room in the background, and another thread holds the locks.
FORKED_WHILE_CALLS_WAIT = """
import antpool, asyncio, os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
door, started = threading.Event(), threading.Event()
executor = antpool.Executor(1, queue_capacity=0)

def hold():
    started.set()
    return door.wait()

async def main():
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(executor, hold) for _ in range(3)]
    await asyncio.to_thread(started.wait)
    await asyncio.to_thread(fork)
    door.set()
    assert all(await asyncio.gather(*calls))

def fork():
    with executor._pool.wait_queue.changed, executor._counting:
        locked = threading.Thread(target=lambda: print(fork_and_wait(), end=""))
        locked.start()
        locked.join()

def fork_and_wait():
    child = os.fork()
    if child == 0:
        for attempt in (executor.submit, executor.try_submit):
            try:
                attempt(print)
            except antpool.ForkedError:
                pass
            else:
                os._exit(3)
        executor.shutdown(cancel_futures=True)
        os._exit(6)
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])

asyncio.run(main())
"""


def test_a_forked_child_does_not_wait_for_the_calls_that_wait_in_the_parent(run_python):
    assert run_python(FORKED_WHILE_CALLS_WAIT) == "6"


def test_a_pool_of_the_parent_can_be_rebooted_in_the_child(run_python):
    program = """
import antpool, ctypes, os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
libc = ctypes.CDLL(None)
semaphore = ctypes.create_string_buffer(64)
libc.sem_init(semaphore, 0, 0)
pool = antpool.Pool(2)
pool.submit(libc.sem_wait, semaphore)
child = os.fork()
if child == 0:
    try:
        pool.wait()
    except antpool.ForkedError:
        pool.reboot()
        pool.submit(libc.sem_post, semaphore)
        pool.close()
        os._exit(5)
_, status = os.waitpid(child, 0)
print(os.WEXITSTATUS(status), end="")
libc.sem_post(semaphore)
pool.close()
"""
    assert run_python(program) == "5"
