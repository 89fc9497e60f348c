"""How far a download is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Report = Callable[[int, int | None], None]

_FIRST_LINE = 5.0
_LINE_EVERY = 15.0


@contextlib.contextmanager
def shown(what: str, mode: str) -> Iterator[Report]:
    """Shows progress while the block runs.

    Args:
        what: what is downloaded, secrets masked.
        mode: `bar`; `lines`; `none`; or `auto`: a bar on a terminal, else lines
            for what takes longer than seconds.

    Yields:
        A function that is told the bytes so far and the total, where it is known.
    """
    if mode == "auto":
        mode = "bar" if sys.stderr.isatty() else "lines"
    elif mode == "bar" and not sys.stderr.isatty():
        mode = "eager lines"
    if mode == "none":
        yield lambda _done, _total: None
    elif mode == "bar":
        with _bar(what) as report:
            yield report
    else:
        lines = _Lines(what, eager=mode == "eager lines")
        yield lines
        lines.finish()


@contextlib.contextmanager
def _bar(what: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(_short(what), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _Lines:
    """Prints a line to standard error now and then."""

    def __init__(self, what: str, *, eager: bool) -> None:
        self._what = what
        self._started = time.monotonic()
        self._next = self._started + (0 if eager else _FIRST_LINE)
        self._printed = False
        self._done = 0

    def __call__(self, done: int, total: int | None) -> None:
        self._done = done
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _LINE_EVERY
            self._print(done, total, now - self._started)

    def finish(self) -> None:
        if self._printed:
            seconds = time.monotonic() - self._started
            _say(f"Downloaded {self._what}: {_megabytes(self._done)} in {seconds:.0f} s")

    def _print(self, done: int, total: int | None, seconds: float) -> None:
        self._printed = True
        rate = done / seconds if seconds > 0 else 0.0
        of = f" of {_megabytes(total)} ({100 * done // max(total, 1)} %)" if total is not None else ""
        left = f", {(total - done) / rate:.0f} s left" if total is not None and rate > 0 else ""
        _say(f"Downloading {self._what}: {_megabytes(done)}{of}, {_megabytes(rate)}/s{left}")


def waiting_line() -> Callable[[float], None]:
    """Returns a function for `download_lock.turn` that tells now and then what is being waited for."""
    due = [2.0]

    def tell(seconds: float) -> None:
        if seconds >= due[0]:
            due[0] += _LINE_EVERY
            _say(f"Another process is downloading this module; waited {seconds:.0f} s for it.")

    return tell


def _say(text: str) -> None:
    print(f"tf1hub: {text}", file=sys.stderr, flush=True)


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


def _short(text: str, width: int = 48) -> str:
    return text if len(text) <= width else f"...{text[3 - width :]}"
