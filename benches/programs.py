"""The programs of the benchmark: what they are, how each is built, whose version is printed."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

BENCHES = pathlib.Path(__file__).resolve().parent
ROOT = BENCHES.parent
C_FLAGS = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-pthread"]


class Missing(Exception):
    """What a program needs is not on this machine."""


@dataclasses.dataclass(frozen=True)
class Program:
    """One pool under test: its name, what builds it, and whose version to print."""

    name: str
    build: str  # a key of BUILDERS
    version: str  # a key of VERSIONS
    queue: str = "unbounded"  # what it has by itself

    @property
    def pool(self):
        """The name of the pool in the program."""
        return self.name.removesuffix(BEFORE)

    def environment(self, out):
        """antpool's programs find the library in one of the two places where a copy of it lies."""
        if self.version != SUBJECT:
            return None
        place = "lib-before" if self.name.endswith(BEFORE) else "lib"
        return {**os.environ, "LD_LIBRARY_PATH": str(out / place)}


SUBJECT = "antpool"
SUBJECT_FIBER = "antpool-fiber"
BEFORE = " (before)"  # the same program with the library of --against

# The same closure through antpool.hpp and by C calls, for each way in which one is passed.
CLOSURES = ("c-0", "hpp-0", "c-8", "hpp-8", "c-32", "hpp-32", "hpp-heap")

PROGRAMS = [
    Program("antpool", "antpool", "antpool"),
    Program("glib", "glib", "glib"),
    Program("asio", "asio", "asio"),
    Program("asio-bounded", "asio", "asio", "none"),
    Program("tbb-group", "tbb", "tbb"),
    Program("tbb-enqueue", "tbb", "tbb"),
    Program("apr", "apr", "apr"),
    Program("libuv", "uv", "libuv"),
    Program("mutex-queue", "mutex_queue", "g++"),
    Program("hand-off", "mutex_queue", "g++", "none"),
    Program("ants", "go", "ants", "none"),
    Program("go-channel", "go", "go", "none"),
    Program("antpool-fiber", "antpool_fiber", "antpool"),
    Program("antpool-fiber-1", "antpool_fiber", "antpool"),
    Program("goroutines", "go", "go", "none"),
    Program("goroutines-bounded", "go", "go", "none"),
    Program("rayon", "rust", "rayon"),
    Program("threadpool", "rust", "threadpool"),
    Program("tokio-blocking", "rust", "tokio"),
    Program("tokio", "rust", "tokio"),
    Program("may", "rust", "may"),
    Program("boost-fiber", "boost_fiber", "boost"),
    Program("boost-fiber-shared", "boost_fiber", "boost"),
    *(Program(name, "antpool_hpp", "antpool") for name in CLOSURES),
    Program("zstd-antpool", "zstd_antpool", "antpool"),
    Program("zstd", "zstd", "zstd"),
    Program("kernel", "pages", "g++"),
]
OURS = [p.name for p in PROGRAMS if p.version == SUBJECT]
PROGRAMS += [dataclasses.replace(p, name=p.name + BEFORE) for p in PROGRAMS if p.name in OURS]


def output_of(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def tool(name):
    if shutil.which(name) is None:
        raise Missing(f"{name} is not installed")
    return name


def pkg_config(package, what):
    try:
        return output_of(tool("pkg-config"), what, package).split()
    except subprocess.CalledProcessError:
        raise Missing(f"{package} is not installed") from None


def compile_program(out, source, before=(), after=(), needs=None, name=None):
    cxx = source.endswith(".cpp")
    compiler = [tool("g++"), "-std=c++17"] if cxx else [tool("gcc"), "-std=c99"]
    if needs:  # A header that says whether the peer is there at all.
        probe = subprocess.run(
            [*compiler, *before, "-include", needs, "-E", "-x", "c++" if cxx else "c", os.devnull],
            capture_output=True, check=False)
        if probe.returncode != 0:
            raise Missing(f"<{needs}> is not installed")
    path = out / (name or pathlib.Path(source).stem)
    subprocess.run(
        [*compiler, *C_FLAGS, *before, str(BENCHES / "c" / source), "-o", str(path), *after],
        check=True)
    return path


def place_library(library, place):
    """Copies a shared library to where programs are linked with it and find it."""
    place.mkdir(exist_ok=True)
    names = ["libantpool.so"]
    for line in output_of(tool("readelf"), "-d", str(library)).splitlines():
        if "(SONAME)" in line:
            names.append(line.split("[")[1].rstrip("]"))
    for name in names:
        shutil.copy(library, place / name)


def place_libraries(out, options):
    library = options.library
    if library is None:
        target = out / "target"
        subprocess.run(
            [tool("cargo"), "rustc", "--lib", "--release", "--crate-type", "cdylib"],
            cwd=ROOT, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
        library = target / "release" / "libantpool.so"
    place_library(library, out / "lib")
    if options.against:
        place_library(options.against, out / "lib-before")


def build_with_antpool(source):
    """A builder that links the shared library; Program.environment says where it is found."""
    def build(out, _options):
        return compile_program(out, source, before=[f"-I{ROOT / 'include'}"],
                               after=[f"-L{out / 'lib'}", "-lantpool"])
    return build


def build_with_pkg_config(source, *packages):
    def build(out, _options):
        return compile_program(
            out, source,
            before=[flag for p in packages for flag in pkg_config(p, "--cflags")],
            after=[flag for p in packages for flag in pkg_config(p, "--libs")])
    return build


def build_plain(source, *after):
    """A builder of a program that needs nothing else."""
    def build(out, _options):
        return compile_program(out, source, after=after)
    return build


def build_asio(out, _options):
    return compile_program(out, "asio.cpp", before=["-DASIO_STANDALONE"],
                           needs="asio/thread_pool.hpp")


def build_tbb(out, _options):
    return compile_program(out, "tbb.cpp", after=["-ltbb"], needs="tbb/task_arena.h")


def build_go(out, _options):
    """One program for every Go peer; the modules come through Go's own proxy."""
    path = out / "go-peers"
    done = subprocess.run([tool("go"), "build", "-o", str(path), "."], cwd=BENCHES / "go",
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Missing("go build failed: " + (done.stderr.strip().splitlines() or ["?"])[-1])
    return path


def build_boost_fiber(out, _options):
    return compile_program(out, "boost_fiber.cpp", after=["-lboost_fiber", "-lboost_context"],
                           needs="boost/fiber/all.hpp")


def cargo_build(out, *arguments):
    """Builds from the project of the Rust peers, which has a Cargo.lock of its own."""
    target = out / "target-rust"
    done = subprocess.run([tool("cargo"), "build", "--release", "--locked", *arguments],
                          cwd=BENCHES / "rust", text=True, capture_output=True, check=False,
                          env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    if done.returncode != 0:
        raise Missing("cargo build failed: " + (done.stderr.strip().splitlines() or ["?"])[-1])
    return target, done.stdout


def build_rust(out, _options):
    """One program for every Rust peer."""
    target, _ = cargo_build(out)
    return target / "release" / "bench-peers"


def zstd_parts(out):
    """The sources of zstd, and libzstd.a with its threads: the crate zstd-sys carries and builds them."""
    _, messages = cargo_build(out, "--package", "zstd-sys", "--message-format", "json")
    sources = archive = None
    for message in map(json.loads, messages.splitlines()):
        if "zstd-sys" not in message.get("package_id", ""):
            continue
        if message["reason"] == "compiler-artifact":
            sources = pathlib.Path(message["manifest_path"]).parent / "zstd" / "lib"
        elif message["reason"] == "build-script-executed":
            archive = pathlib.Path(message["out_dir"]) / "libzstd.a"
    return sources, archive


def build_zstd(out, _options):
    """zstd with its own pool."""
    sources, archive = zstd_parts(out)
    return compile_program(out, "zstd.c", before=[f"-I{sources}"], after=[str(archive)])


def build_zstd_antpool(out, _options):
    """zstd with antpool in place of its own pool, which the linker takes from the archive only in need."""
    sources, archive = zstd_parts(out)
    return compile_program(
        out, "zstd.c", name="zstd_antpool", before=[f"-I{sources}", f"-I{ROOT / 'include'}"],
        after=[str(BENCHES / "c" / "zstd_pool.c"), str(archive), f"-L{out / 'lib'}", "-lantpool"])


BUILDERS = {
    "antpool": build_with_antpool("antpool.c"),
    "antpool_fiber": build_with_antpool("antpool_fiber.c"),
    "antpool_hpp": build_with_antpool("antpool_hpp.cpp"),
    "idle": build_with_antpool("idle.c"),
    "glib": build_with_pkg_config("glib.c", "glib-2.0"),
    "apr": build_with_pkg_config("apr.c", "apr-util-1", "apr-1"),
    "uv": build_with_pkg_config("uv.c", "libuv"),
    "load": build_plain("load.c", "-ldl"),
    "pages": build_plain("pages.c"),
    "busy": build_plain("busy.c"),
    "asio": build_asio,
    "tbb": build_tbb,
    "mutex_queue": build_plain("mutex_queue.cpp"),
    "go": build_go,
    "rust": build_rust,
    "boost_fiber": build_boost_fiber,
    "zstd": build_zstd,
    "zstd_antpool": build_zstd_antpool,
}


def build_all(out, options, programs, extra):
    """Paths by builder, and what is missing by builder. `extra` are builders of no pool."""
    paths, reasons = {}, {}
    place_libraries(out, options)
    for build in dict.fromkeys([*(p.build for p in programs), *extra]):
        try:
            paths[build] = BUILDERS[build](out, options)
        except Missing as reason:
            if any(p.build == build and p.name in (SUBJECT, SUBJECT_FIBER) for p in programs):
                raise
            reasons[build] = str(reason)
    return paths, reasons


VERSIONS = {
    "antpool": lambda: next(line.split('"')[1] for line in (ROOT / "Cargo.toml").open()
                            if line.startswith("version")),
    "glib": lambda: pkg_config("glib-2.0", "--modversion")[0],
    "apr": lambda: pkg_config("apr-util-1", "--modversion")[0],
    "libuv": lambda: pkg_config("libuv", "--modversion")[0],
    "asio": lambda: macro("asio/version.hpp", "ASIO_VERSION"),
    "tbb": lambda: ".".join(macro("tbb/version.h", f"TBB_VERSION_{part}")
                            for part in ("MAJOR", "MINOR", "PATCH")),
    "g++": lambda: output_of("g++", "-dumpfullversion").strip(),
    "ants": lambda: output_of("go", "list", "-m", "-f", "{{.Version}}",
                              "github.com/panjf2000/ants/v2", cwd=BENCHES / "go").strip(),
    "go": lambda: output_of("go", "env", "GOVERSION").strip(),
    "tokio": lambda: locked("tokio"),
    "may": lambda: locked("may"),
    "rayon": lambda: locked("rayon"),
    "threadpool": lambda: locked("threadpool"),
    "zstd": lambda: locked("zstd-sys").split("zstd.")[1],
    "boost": lambda: macro("boost/version.hpp", "BOOST_LIB_VERSION").strip('"').replace("_", "."),
}


def locked(crate):
    lines = (BENCHES / "rust" / "Cargo.lock").read_text().splitlines()
    return lines[lines.index(f'name = "{crate}"') + 1].split('"')[1]


def macro(header, name):
    text = output_of("g++", "-E", "-P", "-include", header, "-x", "c++", "-", input=name)
    value = text.strip().splitlines()[-1].strip()
    if value.isdigit() and name == "ASIO_VERSION":
        return f"{int(value) // 100000}.{int(value) // 100 % 1000}.{int(value) % 100}"
    return value


def version(key):
    try:
        return VERSIONS[key]()
    except (Missing, OSError, StopIteration, subprocess.CalledProcessError):
        return "?"
