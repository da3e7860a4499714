"""The errors of the library, one class for each status, named after it.

``ANTPOOL_ERR_TIMED_OUT`` is `TimedOutError`, and so on. Where Python has an error of the same
meaning, the class derives from it too.
"""

from __future__ import annotations

from typing import Dict, Optional, Type

from ._abi import OK, calls


class Error(RuntimeError):
    """A call of the library failed; nothing has happened.

    The submits of a batch are the exception: `accepted` says how many tasks they placed.
    """

    #: The number of the status.
    status = -1
    #: How many tasks of a batch were accepted before the error; 0 for everything else.
    accepted = 0

    @property
    def status_name(self) -> str:
        """The name that C has for the status, such as ``"ANTPOOL_ERR_CLOSED"``."""
        return str(calls.status_name(self.status).decode())


class InvalidArgumentError(Error, ValueError):
    """A handle or function is NULL, or a number is out of range."""

    status = 1


class ClosedError(Error):
    """The pool is closed."""

    status = 2


class OverloadError(Error):
    """The pool is full and the call may not wait, or too many callers wait already."""

    status = 3


class TimedOutError(Error, TimeoutError):
    """The time given had passed first."""

    status = 4


class NoFunctionError(Error):
    """An invoke on a pool that was made without a function."""

    status = 5


class InvalidExpiryError(Error, ValueError):
    """A negative expiry without disable_purge."""

    status = 6


class InvalidPreallocError(Error, ValueError):
    """pre_alloc with an unlimited capacity or an unbounded queue."""

    status = 7


class InvalidPoolIndexError(Error, IndexError):
    """There is no pool with this index."""

    status = 8


class InvalidStrategyError(Error, ValueError):
    """No such strategy for choosing among pools."""

    status = 9


class InvalidPoolCountError(Error, ValueError):
    """The number of pools is zero or too large."""

    status = 10


class SpawnError(Error):
    """The system refused a thread and no worker exists that could take the task."""

    status = 11


class NoMemoryError(Error, MemoryError):
    """The system refused memory."""

    status = 12


class DeadlockError(Error):
    """The call could only have waited for itself."""

    status = 13


class ForkedError(Error):
    """The pool was made before fork() and this is the child."""

    status = 14


class CanceledError(Error):
    """The wait was ended by another call: a reboot ended the closing it waited for."""

    status = 15


class AlreadyStartedError(Error):
    """The task had been started."""

    status = 16


class UnsupportedError(Error, NotImplementedError):
    """This version, this platform or this pool cannot do it."""

    status = 17


class TaskFailedError(Error):
    """The task has run, and failed."""

    status = 18


class BusyError(Error):
    """Somebody still uses it."""

    status = 19


BY_STATUS: Dict[int, Type[Error]] = {error.status: error for error in Error.__subclasses__()}


def error(status: int, message: Optional[str] = None) -> Error:
    """The error for a status, with the library's sentence about it unless another is given."""
    made = BY_STATUS.get(status, Error)(message or calls.status_message(status).decode())
    made.status = status  # Says something new where there is no class for it.
    return made


def check(status: int) -> None:
    """Raises the error for a status that is not OK."""
    if status != OK:
        raise error(status)
