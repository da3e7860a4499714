"""Finds the shared library and loads it.

It is looked for in this order, and the first that is there is taken:

1. the file that the environment variable ``ANTPOOL_LIBRARY`` names; nothing else is tried then;
2. the one that the wheel carries, beside this module;
3. the one that the dynamic loader finds: ``LD_LIBRARY_PATH``, the system's own directories;
4. ``lib`` below the prefix of this Python, where environments such as conda install to.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Iterator

#: The binary interface that this package is written against. While the major version is 0 every
#: minor version may change it, so it is part of the name that the loader looks for.
ABI = "0.1"

VARIABLE = "ANTPOOL_LIBRARY"
CARRIED = "libantpool.so"
INSTALLED = f"libantpool.so.{ABI}"


def candidates() -> Iterator[str]:
    """What to load, the best first."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    carried = os.path.join(os.path.dirname(os.path.abspath(__file__)), CARRIED)
    if os.path.exists(carried):
        yield carried
    yield INSTALLED
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        yield os.path.join(prefix, "lib", INSTALLED)


def load() -> ctypes.CDLL:
    """Loads the library, or says in an ImportError what was tried and why it would not do."""
    if not in_main_interpreter():
        raise ImportError("antpool serves the main interpreter only, and this is a subinterpreter")
    refusals = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
            check(library)
        except (OSError, ImportError) as refusal:
            refusals.append(f"  {path}: {refusal}")
        else:
            return library
    raise ImportError(
        f"cannot load the antpool library {ABI}; set {VARIABLE} to the path of libantpool.so\n"
        + "\n".join(refusals)
    )


def in_main_interpreter() -> bool:
    """Whether this is where ctypes has the callbacks of C threads run."""
    asked = ctypes.pythonapi.PyInterpreterState_Get, ctypes.pythonapi.PyInterpreterState_Main
    for function in asked:
        function.restype = ctypes.c_void_p
    this, main = (function() for function in asked)
    return bool(this == main)


def check(library: ctypes.CDLL) -> None:
    """Refuses a library that is something else, or of another binary interface."""
    try:
        ask = library.antpool_version
    except AttributeError:
        raise ImportError("it is not the antpool library") from None
    ask.restype = ctypes.c_char_p
    found = ask().decode()
    if found.split(".")[:2] != ABI.split("."):
        raise ImportError(f"it is version {found}, this package needs {ABI}")
