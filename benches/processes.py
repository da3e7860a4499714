"""The processes of a run: none of them outlives the runner, not even a runner that is killed."""

import contextlib
import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def end_with(parent):
    """What a new process calls first: the system kills it when its parent ends."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)  # The parent ended before that.


def child_options():
    """Options of subprocess.Popen for a process that ends with this one."""
    parent = os.getpid()
    return {"preexec_fn": lambda: end_with(parent)}


@contextlib.contextmanager
def neighbours(count, path):
    """Runs `count` busy processes until the block is left, by its end or by an error.

    They are ordinary processes: not bound to a CPU, with the priority of the programs beside them.
    """
    processes = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([str(path)], stdout=subprocess.PIPE, **child_options()))
        for process in processes:
            if process.stdout.read(1) == b"":
                raise RuntimeError("a busy process did not start")
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.stdout.close()
            process.wait()
