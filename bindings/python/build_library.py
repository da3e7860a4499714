"""Puts the shared library into the wheel.

The environment variable ``ANTPOOL_WHEEL_LIBRARY`` says where it comes from:

- not set: cargo builds it from the Rust sources, those of this source tree or those that the
  source distribution carries;
- the path of a ``libantpool.so``, such as that of an installed one: it is copied;
- ``none``: the wheel carries no library and serves every platform; the package then looks for an
  installed one.

The wheel's tag says which glibc the library needs, as its symbol versions do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, Dict

from elftools.elf.elffile import ELFFile
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "ANTPOOL_WHEEL_LIBRARY"


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each thing that it builds."""

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        """Adds the library to a wheel. An editable install uses the one that is installed."""
        source = os.environ.get(VARIABLE, "")
        if self.target_name != "wheel" or version == "editable" or source == "none":
            return
        library = Path(source) if source else built_by_cargo(Path(self.root))
        if not library.is_file():
            raise SystemExit(f"{VARIABLE} names no file: {library}")
        build_data["force_include"][str(library.resolve())] = "antpool/libantpool.so"
        build_data["pure_python"] = False
        # Any Python 3 will do, as ctypes asks for no extension module, but this platform only.
        build_data["tag"] = f"py3-none-{platform_of(library)}"


def platform_of(library: Path) -> str:
    """The platform tag that is true of `library`: manylinux with the glibc that it needs."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    with library.open("rb") as file:
        needed = ELFFile(file).get_section_by_name(".gnu.version_r")
        versions = [version.name for _, of_file in needed.iter_versions() for version in of_file]
    glibc = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", name) for name in versions]
    oldest = max(((int(found[1]), int(found[2])) for found in glibc if found), default=None)
    if oldest is None:
        return platform
    return platform.replace("linux", "manylinux_{}_{}".format(*oldest))


def built_by_cargo(root: Path) -> Path:
    """The shared library that cargo builds from the sources nearest to `root`."""
    trees = [root / "library", root.parent.parent]
    manifest = next((tree / "Cargo.toml" for tree in trees if (tree / "build.rs").exists()), None)
    if manifest is None:
        raise SystemExit(f"no Rust sources here; set {VARIABLE} to a libantpool.so, or to none")
    command = ["cargo", "rustc", "--lib", "--release", "--locked", "--crate-type", "cdylib"]
    command += ["--manifest-path", str(manifest), "--message-format", "json-render-diagnostics"]
    try:
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        raise SystemExit(
            f"cargo is not there to build the library; install Rust, or set {VARIABLE} "
            "to a libantpool.so, or to none for a wheel without one"
        ) from None
    messages = [json.loads(line) for line in output.splitlines()]
    return next(
        Path(name)
        for message in messages
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "antpool"
        for name in message["filenames"]
        if name.endswith(".so")
    )
