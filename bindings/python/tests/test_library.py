"""Which library is loaded, and which are refused."""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import antpool
from antpool import _abi, _library
from conftest import BINDING, python_path


@pytest.fixture
def package(tmp_path):
    """A copy of the package that carries no library."""
    copy = tmp_path / "site" / "antpool"
    source = Path(python_path()) / "antpool"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return copy


@pytest.fixture
def library(tmp_path):
    """The library that is tested, as a file of its own."""
    loaded = ctypes.CDLL(antpool.library_path())._name
    if not Path(loaded).is_file():
        pytest.skip("the library was found by the dynamic loader: its path is not known")
    return Path(shutil.copy(loaded, tmp_path / "copy.so"))


def load(package, **environment):
    """What a new interpreter says the library is, or why it has none."""
    program = "import antpool; print(antpool.library_path())"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    ).stdout.strip()


def test_the_environment_variable_comes_first(package, library):
    (package / "libantpool.so").write_bytes(b"not even a library")
    assert load(package, ANTPOOL_LIBRARY=str(library)) == str(library)


def test_the_environment_variable_is_not_passed_over(package, library):
    shutil.copy(library, package / "libantpool.so")
    said = load(package, ANTPOOL_LIBRARY="/nowhere/libantpool.so")
    assert "ImportError" in said and "/nowhere/libantpool.so: " in said


def test_the_carried_library_comes_before_an_installed_one(package, library):
    shutil.copy(library, package / "libantpool.so")
    assert load(package) == str(package / "libantpool.so")


def test_the_loader_finds_an_installed_library(package, library):
    installed = library.parent / _library.INSTALLED
    shutil.copy(library, installed)
    assert load(package, LD_LIBRARY_PATH=str(installed.parent)) == _library.INSTALLED


def test_a_library_that_is_something_else_is_refused(package):
    said = load(package, ANTPOOL_LIBRARY="libc.so.6")
    assert "ImportError" in said and "libc.so.6: it is not the antpool library" in said


def test_a_library_of_another_interface_is_refused(monkeypatch):
    library = ctypes.CDLL(antpool.library_path())
    _library.check(library)
    monkeypatch.setattr(_library, "ABI", "0.99")
    with pytest.raises(ImportError, match=r"it is version \d+\.\d+\.\d+, this package needs 0\.99"):
        _library.check(library)


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
try:
    one = interpreters.create("legacy")
except (TypeError, ValueError):
    one = interpreters.create(isolated=False)
program = "import antpool"
failed = interpreters.run_string(one, program)
if failed is not None:
    raise SystemExit(failed.formatted)
"""


def test_a_subinterpreter_is_told_that_it_is_not_served(run_python):
    """There the callbacks of C threads would run in another interpreter than their functions."""
    program = f"""
import sys
try:
    exec({SUBINTERPRETER!r})
except BaseException as error:
    print(error)
"""
    assert "antpool serves the main interpreter only" in run_python(program)


def test_the_package_has_the_version_of_the_library():
    assert antpool.__version__ == antpool.library_version()
    assert antpool.__version__.startswith(_library.ABI + ".")


HEADER = BINDING.parent.parent / "include" / "antpool.h"


@pytest.mark.skipif(not HEADER.exists(), reason="the header of the source tree is not here")
@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ("antpool_options_t", _abi.Options._fields_),
        ("antpool_stats_t", _abi.StatsRecord._fields_),
        ("antpool_panic_info_t", _abi.PanicInfo._fields_),
    ],
)
def test_the_records_are_those_of_the_header(record, fields):
    [body] = re.findall(rf"typedef struct {record} {{(.*?)}} {record};", HEADER.read_text(), re.S)
    declared = re.findall(r"^    [a-z][^;/]*?\**(\w+)(?:\[\d+\])?;$", body, re.M)
    assert declared == [name for name, _ in fields]


@pytest.mark.skipif(not HEADER.exists(), reason="the header of the source tree is not here")
def test_the_constants_are_those_of_the_header():
    header = HEADER.read_text()
    assert f"#define ANTPOOL_COPY_MAX {antpool.COPY_MAX}\n" in header
    assert f"#define ANTPOOL_UNLIMITED INT64_C({antpool.UNLIMITED})\n" in header
    for name in ("OK", "ERR_CLOSED", "ERR_OVERLOAD", "ERR_TIMED_OUT", "ERR_DEADLOCK"):
        number = getattr(_abi, name.replace("ERR_", ""))
        assert f"ANTPOOL_{name} = {number},\n" in header


@pytest.mark.skipif(not HEADER.exists(), reason="the header of the source tree is not here")
def test_the_records_have_the_size_that_the_library_expects():
    """An options record that is too large or ends inside a field is refused."""
    handle = ctypes.c_void_p()
    for size, accepted in ((0, True), (1, False), (-1, False)):
        options = _abi.Options(struct_size=ctypes.sizeof(_abi.Options) + size)
        status = _abi.calls.new(1, options, handle) if size <= 0 else 1
        assert (status == 0) is accepted
    assert _abi.calls.destroy(handle) == 0
