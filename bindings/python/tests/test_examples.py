"""The programs beside the package run."""

import ctypes.util
import re
import runpy
import sys

import pytest

from conftest import BINDING


def run(path, *arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [path, *arguments])
    runpy.run_path(str(BINDING / path), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.skipif(not ctypes.util.find_library("crypto"), reason="OpenSSL is not installed")
def test_keygen_makes_valid_keys_in_each_of_four_ways(monkeypatch, capsys):
    """The program ends with an error when a key is not valid. Which way is faster it only shows."""
    printed = run("examples/keygen.py", "0.1", monkeypatch=monkeypatch, capsys=capsys)
    speeds = [float(speed) for speed in re.findall(r"([\d.]+) x$", printed, re.M)]
    assert len(speeds) == 8 and speeds[0] == speeds[4] == 1.0


def test_the_benchmark_runs(monkeypatch, capsys):
    printed = run("benchmarks/per_task.py", "400", monkeypatch=monkeypatch, capsys=capsys)
    assert len(printed.splitlines()) == 10
