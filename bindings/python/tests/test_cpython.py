"""CPython's own tests of ThreadPoolExecutor hold for Executor."""

import os
import subprocess
import sys

import pytest

import cpython_suite
from conftest import HERE, SLOW_S, python_path


def test_cpythons_own_tests_hold_for_executor(unwatched):
    done = subprocess.run(
        [sys.executable, str(HERE / "cpython_suite.py")],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SLOW_S,
    )
    if done.returncode == cpython_suite.NOT_THERE:
        pytest.skip(f"this interpreter has no test suite installed: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout
