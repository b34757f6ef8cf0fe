"""The garbage collector is as it was, whatever happens meanwhile."""

import gc

import pytest

from chainkit.loading import undisturbed


def test_the_collector_is_held_back_and_comes_back() -> None:
    with undisturbed():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_it_comes_back_after_an_error_too() -> None:
    with pytest.raises(ImportError), undisturbed():
        raise ImportError

    assert gc.isenabled()


def test_where_it_was_off_it_stays_off() -> None:
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
