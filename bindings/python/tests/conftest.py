"""What the tests share. They run against the library that ANTPOOL_LIBRARY names."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import antpool

HERE = Path(__file__).resolve().parent
BINDING = HERE.parent

# A test that takes this long is stuck: all stacks are shown and the run ends.
STUCK_S = 120

# As much again for what is slow by nature: compiling, and tests that sleep.
SLOW_S = 600


def pytest_report_header(config):
    return f"antpool {antpool.library_version()} from {antpool.library_path()}"


def pytest_configure(config):
    """Keeps the stderr that pytest has before it captures, for the watchdog to write to."""
    global real_stderr
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        real_stderr = os.fdopen(os.dup(2), "w")


def pytest_sessionfinish(session, exitstatus):
    """Where everything is required, a test that was skipped is one that failed."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if os.environ.get("ANTPOOL_REQUIRE_ALL") and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def watchdog():
    faulthandler.dump_traceback_later(STUCK_S, exit=True, file=real_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def unwatched(watchdog):
    """For tests that take long and run in processes which have a time limit of their own."""
    faulthandler.cancel_dump_traceback_later()


class Semaphore:
    """A POSIX semaphore: its wait and post are C functions of one pointer, so they are tasks."""

    libc = ctypes.CDLL(None)
    post = libc.sem_post
    wait = libc.sem_wait

    def __init__(self):
        self._memory = ctypes.create_string_buffer(64)
        self.address = ctypes.addressof(self._memory)
        assert self.libc.sem_init(self._memory, 0, 0) == 0

    @property
    def value(self):
        value = ctypes.c_int()
        assert self.libc.sem_getvalue(self._memory, ctypes.byref(value)) == 0
        return value.value

    def open(self, times=1):
        for _ in range(times):
            self.post(self._memory)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        """Lets everybody through, however the block was left."""
        self.open(1000)


@pytest.fixture
def semaphore():
    return Semaphore()


@pytest.fixture
def gate():
    """What tasks are held at."""
    with Semaphore() as gate:
        yield gate


@pytest.fixture
def run_python():
    """Runs a program in a new interpreter and gives back what it printed."""
    return _run_python


def _run_python(program, *, status=frozenset({0}), stderr=(), pressing=None):
    """Its exit status has to be one of `status`, and every line on stderr one of `stderr`.

    None for `stderr` stands for any. A signal to be `pressing` is sent when it has printed a line,
    and again each half second, as somebody would who presses Ctrl-C.
    """
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": python_path()},
        start_new_session=True,
    )
    with process:
        try:
            printed = process.stdout.readline() if pressing else ""
            for _ in range(STUCK_S):
                if pressing:
                    process.send_signal(pressing)
                try:
                    rest, errors = process.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    pass
            else:
                os.killpg(process.pid, signal.SIGKILL)  # A child that it has forked, too.
                raise AssertionError("the program does not end")
        finally:
            process.kill()
    assert process.returncode in status, f"exit status {process.returncode}\n{errors}"
    assert stderr is None or set(errors.splitlines()) <= set(stderr), errors
    return printed + rest


def python_path():
    """Where a new interpreter finds the package that is tested here."""
    return os.path.dirname(os.path.dirname(antpool.__file__))
