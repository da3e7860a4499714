"""The wheel: one command makes it, and what it carries runs without anything else."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import antpool
from conftest import BINDING, SLOW_S

BUILDS = all(importlib.util.find_spec(name) for name in ("pip", "hatchling", "elftools"))

pytestmark = pytest.mark.skipif(not BUILDS, reason="pip, hatchling or pyelftools is not installed")

PROGRAM = """
import antpool
with antpool.Executor(2) as executor:
    print(sum(executor.map(int, range(10))), antpool.library_path())
"""


def build(tmp_path, library, source=BINDING):
    """What `pip wheel .` makes in `source`, with ANTPOOL_WHEEL_LIBRARY set to `library`."""
    environment = {**os.environ, "ANTPOOL_WHEEL_LIBRARY": library}
    environment.setdefault("CARGO_TARGET_DIR", str(tmp_path / "target"))
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path]
    command = [sys.executable, "-m", "pip", "wheel", *options, source]
    subprocess.run(command, env=environment, check=True, timeout=SLOW_S)
    [wheel] = tmp_path.glob("*.whl")
    return wheel


def run_installed(wheel, tmp_path, **environment):
    """What the program prints that has nothing but the unpacked wheel."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(site), **environment},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.stdout.strip(), str(site / "antpool" / "libantpool.so")


def library_file():
    if not Path(antpool.library_path()).is_file():
        pytest.skip("ANTPOOL_LIBRARY names no file that a wheel could carry")
    return antpool.library_path()


def test_a_wheel_can_carry_an_installed_library(tmp_path):
    assert_carries_a_library(build(tmp_path, library_file()), tmp_path)


def test_the_tag_of_a_wheel_is_true_of_its_library(tmp_path):
    pytest.importorskip("auditwheel")
    wheel = build(tmp_path, library_file())
    command = [sys.executable, "-m", "auditwheel", "show", wheel]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=SLOW_S)
    tag = wheel.stem.split("-")[-1]
    assert f'consistent with the following platform tag: "{tag}"' in " ".join(report.stdout.split())


def test_a_wheel_without_a_library_finds_an_installed_one(tmp_path):
    wheel = build(tmp_path, "none")
    assert wheel.name == f"antpool-{antpool.__version__}-py3-none-any.whl"
    printed, _ = run_installed(wheel, tmp_path)
    assert "cannot load the antpool library" in printed
    printed, _ = run_installed(wheel, tmp_path, ANTPOOL_LIBRARY=library_file())
    assert printed == f"45 {library_file()}"


def test_a_wheel_carries_what_type_checkers_and_licences_ask_for(tmp_path):
    names = zipfile.ZipFile(build(tmp_path, "none")).namelist()
    assert "antpool/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)


with_rust = pytest.mark.skipif(
    shutil.which("cargo") is None or not (BINDING.parent.parent / "Cargo.toml").exists(),
    reason="cargo or the Rust sources are not here",
)


@with_rust
def test_a_wheel_can_carry_what_cargo_builds(tmp_path, unwatched):
    assert_carries_a_library(build(tmp_path, ""), tmp_path)


@with_rust
def test_a_source_distribution_is_enough_to_build_the_same(tmp_path, unwatched):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(command, cwd=BINDING, check=True, timeout=SLOW_S)
    [archive] = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path, **FILTER)
    source = tmp_path / f"antpool-{antpool.__version__}"
    assert_carries_a_library(build(tmp_path, "", source), tmp_path)


# Python 3.12 and later want to be told how far an archive is trusted; earlier ones cannot be.
FILTER = {"filter": "data"} if sys.version_info >= (3, 12) else {}


def assert_carries_a_library(wheel, tmp_path):
    assert wheel.name.startswith(f"antpool-{antpool.__version__}-py3-none-manylinux_")
    printed, carried = run_installed(wheel, tmp_path)
    assert printed == f"45 {carried}"
