"""Type checkers accept the package, and see through submit."""

import importlib.util
import subprocess
import sys

import pytest

from conftest import BINDING

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed"
)

SOURCES = BINDING / "src"

PROGRAM = """
import asyncio, antpool

def length(text: str, factor: int = 1) -> int:
    return len(text) * factor

with antpool.Executor(1) as executor:
    right: int = executor.submit(length, "text", factor=2).result()
    wrong: str = executor.submit(length, "text").result()  # line 9
    executor.try_submit(length, 7)  # line 10
    executor.submit_timeout(1.5, length)  # line 11
with antpool.Pool(1) as pool:
    pool.submit(length, 1).result()  # line 13
async def main() -> None:
    awaited: int = await (await executor.submit_async(length, "text"))
    mistaken: asyncio.Future[str] = await executor.submit_async(length, "text")  # line 16
"""


def mypy(tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "cache", "--strict", *arguments],
        cwd=SOURCES,
        stdout=subprocess.PIPE,
        text=True,
        timeout=110,
    )
    return done.stdout


def test_the_package_is_clean_under_strict_mypy(tmp_path):
    assert mypy(tmp_path, SOURCES / "antpool").startswith("Success")


def test_mistakes_in_the_use_of_the_package_are_found(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    lines = mypy(tmp_path, program).splitlines()
    found = {int(line.split(":")[1]) for line in lines if ": error:" in line}
    assert found == {9, 10, 11, 13, 16}


def test_the_marker_for_type_checkers_is_there():
    assert (SOURCES / "antpool" / "py.typed").exists()
