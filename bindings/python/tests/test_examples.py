"""The programs beside the package run."""

import ctypes.util
import hashlib
import importlib.util
import os
import re
import runpy
import subprocess
import sys

import pytest

import antpool
from conftest import BINDING, SLOW_S, python_path


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


HAVE_DISTRIBUTED = importlib.util.find_spec("dask") and importlib.util.find_spec("distributed")
with_distributed = pytest.mark.skipif(
    not HAVE_DISTRIBUTED, reason="dask and distributed are not installed"
)


def merkle_root(blocks):
    nodes = [hashlib.sha256(n.to_bytes(8, "big") * 10_000).digest() for n in range(blocks)]
    while len(nodes) > 1:
        pairs = [nodes[at : at + 2] for at in range(0, len(nodes), 2)]
        nodes = [hashlib.sha256(b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    return nodes[0].hex()


@with_distributed
def test_the_same_work_has_the_same_result_on_an_executor_and_on_a_cluster(unwatched):
    """As a program of its own, since the cluster's workers import it."""
    done = subprocess.run(
        [sys.executable, str(BINDING / "examples/cluster.py"), "101"],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
        text=True,
        timeout=SLOW_S,
    )
    root = merkle_root(101)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"on one thread   {root}",
        f"on an executor  {root}",
        "2 of 2 workers had tasks on an antpool.Executor",
        f"on a cluster    {root}",
    ]


@with_distributed
@pytest.mark.parametrize("queue_capacity", [None, 0, 3])
def test_dask_computes_on_an_executor(queue_capacity):
    import dask

    total = dask.delayed(sum)([dask.delayed(pow)(number, 2) for number in range(100)])
    with antpool.Executor(3, queue_capacity=queue_capacity) as executor:
        with dask.config.set(pool=executor):
            assert total.compute(scheduler="threads") == sum(n * n for n in range(100))
        assert total.compute(scheduler=executor) == sum(n * n for n in range(100))
        assert executor.stats().completed > 0


def test_the_benchmark_runs(monkeypatch, capsys):
    printed = run("benchmarks/per_task.py", "400", monkeypatch=monkeypatch, capsys=capsys)
    assert len(printed.splitlines()) == 10
