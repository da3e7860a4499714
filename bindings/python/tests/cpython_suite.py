"""Runs CPython's own tests of ThreadPoolExecutor on antpool.Executor.

    python tests/cpython_suite.py

The tests are those of the interpreter that runs this; it exits with 77 if it has none installed.
"""

import concurrent.futures
import importlib
import os
import pkgutil
import sys
import unittest

import antpool

PACKAGE = "test.test_concurrent_futures"
NOT_THERE = 77

# What the tests for a thread pool are called, in every version of CPython.
THREAD_POOL = "ThreadPool"

# What does not apply, and why. test_executor.py says of each what holds instead.
DOES_NOT_APPLY = {
    # These join the Thread objects in the private attribute `_threads`. There are none here.
    "test_threads_terminate",
    "test_context_manager_shutdown",
    "test_del_shutdown",
    "test_shutdown_no_wait",
    "test_thread_names_assigned",
    "test_thread_names_default",
    # This takes it that the worker of a call is idle as soon as the future has its result.
    "test_idle_thread_reuse",
    # These take it that a call has begun when submit returns, so that it cannot be cancelled.
    "test_cancel_futures",
    "test_cancel_futures_wait_false",
    # This looks for the words "RuntimeError: cannot schedule" in a traceback; here the error is
    # antpool.ClosedError, which is a RuntimeError.
    "test_submit_after_interpreter_shutdown",
}


class ThreadPoolExecutor(antpool.Executor):
    """An antpool.Executor with those private attributes that the tests only look at."""

    _max_workers = antpool.Executor.max_workers
    _broken = property(lambda self: self._workers.broken)
    _threads = property(lambda self: range(self.stats().running))


# Some tests start an interpreter with a program of their own.
IN_A_NEW_INTERPRETER = """
import antpool, concurrent.futures
concurrent.futures.ThreadPoolExecutor = antpool.Executor
"""


def with_antpool(assert_python_ok):
    where_antpool_is = os.path.dirname(os.path.dirname(antpool.__file__))

    def assert_python_ok_with_antpool(flag, program):
        return assert_python_ok(
            flag, IN_A_NEW_INTERPRETER + program, __isolated=False, PYTHONPATH=where_antpool_is
        )

    return assert_python_ok_with_antpool


def modules():
    """The one module that older versions of CPython have, or those of the later package."""
    package = importlib.import_module(PACKAGE)
    names = [found.name for found in pkgutil.iter_modules(getattr(package, "__path__", ()))]
    return [importlib.import_module(f"{PACKAGE}.{name}") for name in names] or [package]


def tests(found):
    for item in found:
        if isinstance(item, unittest.TestSuite):
            yield from tests(item)
        elif THREAD_POOL in type(item).__name__:
            if item._testMethodName not in DOES_NOT_APPLY:
                yield item


def main():
    concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor
    try:
        from test.support import script_helper

        script_helper.assert_python_ok = with_antpool(script_helper.assert_python_ok)
        found = modules()
    except ImportError as reason:
        print(reason)
        return NOT_THERE
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(t for m in found for t in tests(loader.loadTestsFromModule(m)))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    # A suite that shrank to nothing has proved nothing.
    return 0 if result.wasSuccessful() and result.testsRun >= 30 else 1


if __name__ == "__main__":
    sys.exit(main())
