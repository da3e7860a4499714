"""Each status of the library is an exception that is called what the status is called."""

import pickle

import pytest

import antpool
from antpool import _errors
from antpool._abi import calls


def statuses():
    """Every status that the library in use has a name for, without ANTPOOL_OK."""
    names = {status: calls.status_name(status).decode() for status in range(1, 100)}
    return {s: name for s, name in names.items() if name != "ANTPOOL_ERR_UNKNOWN"}


def test_the_exceptions_are_the_statuses_of_the_library():
    assert {s: as_class(name) for s, name in statuses().items()} == {
        status: error.__name__ for status, error in _errors.BY_STATUS.items()
    }


def as_class(name):
    return name.replace("ANTPOOL_ERR_", "").title().replace("_", "") + "Error"


@pytest.mark.parametrize("error", _errors.BY_STATUS.values(), ids=lambda error: error.__name__)
def test_an_error_says_its_status_and_a_sentence(error):
    raised = _errors.error(error.status)
    assert type(raised) is error is getattr(antpool, error.__name__)
    assert isinstance(raised, antpool.Error) and isinstance(raised, RuntimeError)
    assert as_class(raised.status_name) == error.__name__
    assert str(raised) == calls.status_message(error.status).decode() != ""
    assert type(pickle.loads(pickle.dumps(raised))) is error


def test_an_error_of_a_batch_keeps_its_count_when_it_is_pickled():
    refusal = _errors.error(3)
    refusal.accepted = 7
    assert pickle.loads(pickle.dumps(refusal)).accepted == 7


def test_a_status_of_a_later_version_is_still_an_error():
    with pytest.raises(antpool.Error) as raised:
        _errors.check(999)
    assert type(raised.value) is antpool.Error
    assert raised.value.status == 999
    assert pickle.loads(pickle.dumps(raised.value)).status == 999


def test_errors_that_python_has_too_can_be_caught_as_such():
    for error, built_in in (
        (antpool.TimedOutError, TimeoutError),
        (antpool.InvalidArgumentError, ValueError),
        (antpool.NoMemoryError, MemoryError),
        (antpool.UnsupportedError, NotImplementedError),
    ):
        assert issubclass(error, built_in)
