"""Work that overlaps: the order of the results, failures, and which threads do what."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tf1hub.applying.ordered import compute_in_turns, read_ahead

Work = Callable[..., Any]


def compute_what_is_read_ahead(items: Iterator[Any], compute: Work, threads: int) -> Iterator[Any]:
    with contextlib.closing(read_ahead(items)) as ahead:
        yield from compute_in_turns(ahead, compute, threads)


both = pytest.mark.parametrize("work", [compute_in_turns, compute_what_is_read_ahead])


@both
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(work: Work, threads: int) -> None:
    def compute(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(work(iter(range(20)), compute, threads)) == [item * item for item in range(20)]
    assert list(work(iter(()), compute, threads)) == []


@both
@pytest.mark.parametrize("threads", [1, 3])
def test_a_failure_is_raised_where_its_result_would_come(work: Work, threads: int) -> None:
    def items() -> Iterator[int]:
        yield from range(6)
        raise OSError("the reading")

    def compute(item: int) -> int:
        if item == 4:
            raise ValueError("the computing")
        return item

    for run, failure, before in ((compute, ValueError, 4), (abs, OSError, 6)):
        results = work(items(), run, threads)
        assert [next(results) for _ in range(before)] == list(range(before))
        with pytest.raises(failure):
            next(results)


@both
@pytest.mark.parametrize("threads", [1, 3])
def test_whoever_stops_early_stops_the_threads(work: Work, threads: int) -> None:
    before = threading.active_count()
    with contextlib.closing(work(iter(range(1000)), abs, threads)) as results:
        assert next(results) == 0
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_work_in_turns_has_no_more_threads_than_it_was_given(threads: int) -> None:
    lock, busy, most, seen = threading.Lock(), [0], [0], set()
    all_compute = threading.Barrier(threads)

    @contextlib.contextmanager
    def at_work() -> Iterator[None]:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            seen.add(threading.get_ident())
        time.sleep(0.002)
        yield
        with lock:
            busy[0] -= 1

    def items() -> Iterator[int]:
        for item in range(24):
            with at_work():
                pass
            yield item

    def compute(item: int) -> int:
        with at_work():
            if item < threads:
                all_compute.wait(30)
            return item

    for _ in compute_in_turns(items(), compute, threads):
        with at_work():  # as the writing is
            pass
    assert most[0] == threads
    assert len(seen) == threads
    assert threading.get_ident() in seen
