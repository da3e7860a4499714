"""Python functions that the library calls on its workers.

The function pointers that C gets are made here, once, and live as long as the process. What differs
from pool to pool is found by a number that comes with the call, so no pool's end can leave C with
a pointer to a function that is gone.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import sys
import threading
from typing import Any, Callable, Dict, NamedTuple, Optional

from . import _abi

#: The levels of the library's log as those of `logging`.
_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}
_PYGILSTATE_LOCKED = 0


class Failure(NamedTuple):
    """A C task that failed."""

    function: int  #: the address of the task's function
    arg: Optional[int]  #: the task's argument; after submit_copy the address of the worker's copy
    message: str  #: what was given to antpool_task_fail() or antpool_panic(), or a what()


class Callbacks(NamedTuple):
    """The Python functions of one pool."""

    name: str
    panic_handler: Optional[Callable[[Failure], Any]] = None
    logger: Optional[Callable[[int, str], Any]] = None
    on_worker_start: Optional[Callable[[int], Any]] = None
    on_worker_stop: Optional[Callable[[int], Any]] = None

    def __bool__(self) -> bool:
        return any(self[1:])


_keys = itertools.count(1)
_registered: Dict[int, Callbacks] = {}


def register(callbacks: Callbacks, options: _abi.Options) -> int:
    """Makes a pool that is made with `options` call `callbacks`, until `forget` is called."""
    key = next(_keys)
    _registered[key] = callbacks
    options.panic_data = options.logger_data = options.worker_data = key
    # Every worker keeps its thread state, whichever of the functions it is going to call.
    options.on_worker_start = _worker_started
    options.on_worker_stop = _worker_stopped
    if callbacks.panic_handler is not None:
        options.panic_handler = _task_failed
    if callbacks.logger is not None:
        options.logger = _line_logged
    return key


def forget(key: int) -> None:
    """Lets go of the functions of a pool that has no worker any more."""
    _registered.pop(key, None)


def c_callback(prototype: Any) -> Callable[[Callable[..., None]], Any]:
    """Makes the function below a C function that lives as long as the process.

    Modules are emptied while the interpreter ends, and C may still hold the pointer then.
    """

    def made(function: Callable[..., None]) -> Any:
        pointer = prototype(function)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(pointer))
        return pointer

    return made


@c_callback(_abi.WORKER)
def _worker_started(key: int, _pool: int, index: int) -> None:
    # ctypes makes a thread state when C calls in, and would take it down again on the way out,
    # for each single task. One more reference keeps it for the life of the worker: a task then
    # costs a fraction, and threading.local holds what earlier tasks left there.
    ctypes.pythonapi.PyGILState_Ensure()
    callbacks = _registered[key]
    threading.current_thread().name = f"{callbacks.name}_{index}"
    if callbacks.on_worker_start is not None:
        callbacks.on_worker_start(index)


@c_callback(_abi.WORKER)
def _worker_stopped(key: int, _pool: int, index: int) -> None:
    try:
        callbacks = _registered[key]
        if callbacks.on_worker_stop is not None:
            callbacks.on_worker_stop(index)
    finally:
        _forget_thread()
        # ctypes holds the last reference and takes the state down when this has returned.
        ctypes.pythonapi.PyGILState_Release(_PYGILSTATE_LOCKED)


def _forget_thread() -> None:
    """Drops the Thread object of this thread, which `threading` did not start.

    Before Python 3.13 `threading` kept such an object for ever, and took the next thread with the
    same identity for the old one.
    """
    if sys.version_info < (3, 13):
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            threading._active.pop(threading.get_ident(), None)  # type: ignore[attr-defined]


@c_callback(_abi.PANIC)
def _task_failed(key: int, info: int) -> None:
    handler = _registered[key].panic_handler
    if handler is not None:
        told = _abi.PanicInfo.from_address(info)
        handler(Failure(told.fn, told.arg, told.message.decode(errors="replace")))


@c_callback(_abi.LOG)
def _line_logged(key: int, level: int, message: bytes) -> None:
    logger = _registered[key].logger
    if logger is not None:
        logger(_LEVELS.get(level, logging.INFO), message.decode(errors="replace"))
