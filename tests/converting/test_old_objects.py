"""A conversion leaves the garbage collector as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tf1hub.converting.old_objects import old_objects_set_aside


@pytest.fixture(autouse=True)
def _nothing_set_aside() -> Iterator[None]:
    # As in a program: conftest.py sets aside what the tests imported.
    gc.unfreeze()
    yield
    gc.freeze()


def test_old_objects_are_set_aside_and_come_back() -> None:
    with old_objects_set_aside():
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_they_come_back_where_a_conversion_fails() -> None:
    with pytest.raises(KeyError), old_objects_set_aside():
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_what_a_program_has_set_aside_stays_so() -> None:
    gc.freeze()
    count = gc.get_freeze_count()
    with old_objects_set_aside():
        assert gc.get_freeze_count() <= count
    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_waits_and_then_is_as_it_was(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    try:
        with old_objects_set_aside():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_the_last_graphs_are_collected_before_the_old_objects_come_back() -> None:
    with old_objects_set_aside():
        last = weakref.ref(_Cycle())
        assert last() is not None
    assert last() is None
