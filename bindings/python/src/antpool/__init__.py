"""A pool of a fixed number of threads that runs C functions and Python functions.

`Executor` runs Python functions and gives back futures; it can stand wherever a
`concurrent.futures.ThreadPoolExecutor` does, and its queue can be bounded. `Pool` is the C library
call for call: it runs C functions without touching Python.
"""

from ._abi import (
    COPY_MAX,
    UNLIMITED,
    Stats,
    library_path,
    library_version,
    task_fail,
    usable_cpus,
)
from ._callbacks import Failure
from ._errors import (
    AlreadyStartedError,
    BusyError,
    CanceledError,
    ClosedError,
    DeadlockError,
    Error,
    ForkedError,
    InvalidArgumentError,
    InvalidExpiryError,
    InvalidPoolCountError,
    InvalidPoolIndexError,
    InvalidPreallocError,
    InvalidStrategyError,
    NoFunctionError,
    NoMemoryError,
    OverloadError,
    SpawnError,
    TaskFailedError,
    TimedOutError,
    UnsupportedError,
)
from ._executor import Executor
from ._group import Group
from ._lane import Lane
from ._pool import Pool

__version__ = "0.1.0"

__all__ = [
    "COPY_MAX",
    "UNLIMITED",
    "AlreadyStartedError",
    "BusyError",
    "CanceledError",
    "ClosedError",
    "DeadlockError",
    "Error",
    "Executor",
    "Failure",
    "ForkedError",
    "Group",
    "InvalidArgumentError",
    "InvalidExpiryError",
    "InvalidPoolCountError",
    "InvalidPoolIndexError",
    "InvalidPreallocError",
    "InvalidStrategyError",
    "Lane",
    "NoFunctionError",
    "NoMemoryError",
    "OverloadError",
    "Pool",
    "SpawnError",
    "Stats",
    "TaskFailedError",
    "TimedOutError",
    "UnsupportedError",
    "library_path",
    "library_version",
    "task_fail",
    "usable_cpus",
]
