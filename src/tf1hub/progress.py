"""`progress=`: how far long work is, asked for and told alike at every door.

Who works says what it does to what `shown` gives; that decides where it goes. What works inside of other work, as a
download inside of a check, tells it to the same place.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, TypeAlias

from tf1hub.configuration import NO, Config, config_path
from tf1hub.errors import ArgumentError, HandleError

WORDS = ("auto", "bar", "lines", "none")

_FIRST_LINE = 5.0
_LINE_EVERY = 15.0
_WIDTH = 48


class Progress(NamedTuple):
    """How far long work is: what a function that is given as `progress=` is told. Its `str` is a line that says it.

    Attributes:
        what: what is under way, such as `"Downloading https://..."`.
        done: how much of it is done; None where nothing is counted.
        total: how much there is; None where it is not known.
        unit: what is counted: `"bytes"`, `"examples"`, `"variables"`; empty where nothing is.
    """

    what: str
    done: int | None = None
    total: int | None = None
    unit: str = ""

    def __str__(self) -> str:
        if self.done is None:
            return self.what
        if self.unit != "bytes":
            of = "" if self.total is None else f" of {self.total:,}"
            return f"{self.what}: {self.done:,}{of} {self.unit}".rstrip()
        if self.total is None:
            return f"{self.what}: {_megabytes(self.done)}"
        percent = 100 * self.done // max(self.total, 1)
        return f"{self.what}: {_megabytes(self.done)} of {_megabytes(self.total)} ({percent} %)"


ProgressOption: TypeAlias = str | Callable[[Progress], None] | None
"""What `progress=` takes everywhere: a word, or a function; None is what `TF1HUB_PROGRESS` says."""


class Say(Protocol):
    """Tells what is under way."""

    def __call__(
        self, what: str, done: int | None = None, total: int | None = None, unit: str = ""
    ) -> None: ...


Advance = Callable[[int, "int | None"], None]
"""Is told the bytes so far and the total, where it is known."""


@contextlib.contextmanager
def shown(progress: ProgressOption) -> Iterator[Say]:
    """Shows progress while the block runs.

    Args:
        progress: one of `WORDS`, or a function. None is where the work around this one shows its progress; where there
            is none around, what the environment and the configuration file say.

    Yields:
        A function that tells what is under way.

    Raises:
        ArgumentError: `progress` is something else.
        HandleError: the environment or the configuration file says something else.
    """
    with _display(progress) as display:
        yield lambda what, done=None, total=None, unit="": display.tell(Progress(what, done, total, unit))


@contextlib.contextmanager
def transfer(what: str) -> Iterator[Advance]:
    """Shows how far bytes have come over a network, of which `"auto"` tells where there is no terminal too.

    Args:
        what: what is done, secrets masked: `"Downloading https://..."`.

    Yields:
        A function that is told the bytes so far and the total.
    """
    with _display(None) as display:
        yield lambda done, total: display.tell(Progress(what, done, total, "bytes"), is_transfer=True)
        display.finish()


def waiting(what: str) -> Callable[[float], None]:
    """Returns a function that is told the seconds of waiting so far, and tells now and then what is waited for.

    Args:
        what: a sentence with the seconds in braces.
    """
    due = [2.0]

    def tell(seconds: float) -> None:
        if seconds >= due[0]:
            due[0] += _LINE_EVERY
            with _display(None) as display:
                display.tell(Progress(what.format(f"{seconds:.0f}")), is_transfer=True, is_late=True)

    return tell


class _Display:
    """Shows nothing; the base of what shows something."""

    def tell(self, progress: Progress, *, is_transfer: bool = False, is_late: bool = False) -> None:
        """Shows how far the work is.

        Args:
            progress: how far it is.
            is_transfer: whether it may take long for reasons outside of this machine.
            is_late: whether it has taken long enough for a line.
        """

    def finish(self) -> None:
        """Says that what was told last is done."""

    def close(self) -> None:
        """Takes off what is on the screen."""


class _Told(_Display):
    """Tells a function."""

    def __init__(self, function: Callable[[Progress], None]) -> None:
        self._function = function

    def tell(self, progress: Progress, *, is_transfer: bool = False, is_late: bool = False) -> None:
        del is_transfer, is_late
        self._function(progress)


class _Lines(_Display):
    """Prints a line to standard error now and then.

    Args:
        first: the seconds until the first one.
        transfers_alone: leaves out whatever else is told.
    """

    def __init__(self, first: float, *, transfers_alone: bool = False) -> None:
        self._transfers_alone = transfers_alone
        self._next = time.monotonic() + first
        self._pace = _Pace()
        self._last: Progress | None = None
        self._printed = ""

    def tell(self, progress: Progress, *, is_transfer: bool = False, is_late: bool = False) -> None:
        if self._transfers_alone and not is_transfer:
            return
        self._last = progress
        pace = self._pace.describe(progress)
        now = time.monotonic()
        if is_late or now >= self._next:
            self._next = now + _LINE_EVERY
            self._printed = progress.what
            self._print(f"{progress}{pace}")

    def finish(self) -> None:
        last = self._last
        if last is not None and last.done is not None and self._printed == last.what:
            amount = str(last._replace(what="done", total=None)).replace(":", ",")
            self._print(f"{last.what}: {amount} in {self._pace.seconds:.0f} s")

    def _print(self, text: str) -> None:
        print(f"tf1hub: {text}", file=sys.stderr, flush=True)


class _Bar(_Display):
    """One line on a terminal, which is gone when the work is done. It starts when there is something to tell."""

    def __init__(self) -> None:
        self._pace = _Pace()
        self._bar: Any = None
        self._task: Any = None
        self._what = ""

    def tell(self, progress: Progress, *, is_transfer: bool = False, is_late: bool = False) -> None:
        del is_transfer, is_late
        pace = self._pace.describe(progress)
        if self._bar is None:
            self._start()
        if progress.what != self._what:
            self._what = progress.what
            self._bar.reset(self._task)
        amount = "" if progress.done is None else str(progress._replace(what=""))[2:] + pace
        self._bar.update(
            self._task,
            description=_short(progress.what),
            completed=progress.done or 0,
            total=progress.total,
            amount=amount,
        )

    def _start(self) -> None:
        # Only here: its import takes longer than most work.
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Live

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[amount]}", markup=False),
        )
        self._bar = Live(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None, amount="")
        self._bar.start()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class _Pace:
    """How fast bytes or rows come."""

    def __init__(self) -> None:
        self._what = ""
        self._started = time.monotonic()
        self._first: int | None = None

    @property
    def seconds(self) -> float:
        """Since the work that was told last was first told."""
        return time.monotonic() - self._started

    def describe(self, progress: Progress) -> str:
        """The rate and the seconds that are left, to go on with the line; empty where they are not known."""
        if progress.what != self._what:
            self._what, self._started, self._first = progress.what, time.monotonic(), None
        if self._first is None:
            self._first = progress.done or 0
        # What an earlier run had done took no time here.
        done = (progress.done or 0) - (0 if progress.unit == "bytes" else self._first)
        is_rows = progress.unit.partition(" ")[0] == "rows"
        if not (is_rows or progress.unit == "bytes") or done <= 0 or not self.seconds:
            return ""
        rate = done / self.seconds
        left = (
            "" if progress.total is None else f", {(progress.total - (progress.done or 0)) / rate:.0f} s left"
        )
        return f", {rate:,.0f} rows/s{left}" if is_rows else f", {_megabytes(rate)}/s{left}"


_current: ContextVar[_Display | None] = ContextVar("tf1hub_progress", default=None)


@contextlib.contextmanager
def _display(progress: ProgressOption) -> Iterator[_Display]:
    around = _current.get()
    if progress is None and around is not None:
        yield around
        return
    display = _make_display(progress)
    token = _current.set(display)
    try:
        yield display
    finally:
        _current.reset(token)
        display.close()


def _make_display(progress: ProgressOption) -> _Display:
    if callable(progress):
        return _Told(progress)
    if progress is None:
        progress = _word_of_environment()
    elif progress not in WORDS:
        words = ", ".join(map(repr, WORDS))
        raise ArgumentError(
            f"progress= is one of {words}, or a function that is told a tf1hub.Progress, not {progress!r}."
        )
    if progress == "none":
        return _Display()
    if progress != "lines" and sys.stderr.isatty():
        return _Bar()
    return _Lines(0.0 if progress == "bar" else _FIRST_LINE, transfers_alone=progress == "auto")


def _word_of_environment() -> str:
    named: str = (
        os.environ.get("TF1HUB_PROGRESS") or Config(config_path(os.environ)).get("progress", str) or ""
    )
    if not named and "TFHUB_DOWNLOAD_PROGRESS" in os.environ:
        # The original printed progress where this was set to anything true.
        return "auto" if os.environ["TFHUB_DOWNLOAD_PROGRESS"].lower() in NO else "bar"
    if named and named not in WORDS:
        raise HandleError(f"TF1HUB_PROGRESS={named!r} is not one of {', '.join(WORDS)}.")
    return named or "auto"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"...{text[3 - _WIDTH :]}"
