"""Writing whole or not at all: nothing appears at a path before all of it is there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator

from tf1hub.errors import Error, ExportError
from tf1hub.storage.address import absolute, is_remote, split_path
from tf1hub.storage.faults import mapped, words_of
from tf1hub.storage.opening import place_at
from tf1hub.storage.place import Faults, Place

_EXISTS = (
    "Cannot export to {path}: something is there already{names}. "
    "Exporting never overwrites; choose a new path, or remove what is there."
)
_CANNOT = "Cannot export to {path}: {said}."


def check_free(path: str, names: Collection[str] | None = None) -> None:
    """Refuses a path where something is; an empty directory counts as nothing.

    Args:
        path: where a directory is to be made.
        names: a directory that holds none of these is free too. None wants it empty.

    Raises:
        ExportError: something is there, or the place cannot be looked at.
    """
    if not path:
        # It would stand for the working directory.
        raise ExportError("Cannot export to '': the path is empty. Give the path of a new directory.")
    place = place_at(path, Faults(ExportError, ExportError))
    if not place.exists(""):
        return
    if not place.is_directory(""):
        raise ExportError(_EXISTS.format(path=path, names=""))
    there = place.list("")
    taken = there if names is None else [name for name in there if name in names]
    if taken:
        shown = "" if names is None else f" ({', '.join(taken)})"
        raise ExportError(_EXISTS.format(path=path, names=shown))


@contextlib.contextmanager
def new_directory(path: str, last: str, names: Collection[str] | None = None) -> Iterator[str]:
    """A local directory to fill, whose content appears at `path` at the end, or not at all.

    On this machine it is a hidden sibling, `.<name>.tf1hub-...`, which is flushed and renamed; where the process is
    killed, it may remain, and anybody may remove it. Elsewhere, where directories cannot be renamed as one, and in a
    directory that holds other files, which stay as they are, the files named `last` come last.

    Args:
        path: the new directory; missing parents are made.
        last: the file without which nobody takes a directory for whole.
        names: what a directory that is there must not hold, see `check_free`. None wants it empty.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """
    check_free(path, names)
    try:
        if is_remote(path):
            with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
                yield directory
                _upload(directory, path, last)
            return
        target = absolute(path)
        _make_parent(os.path.dirname(target), path)
        shared = os.path.isdir(target) and bool(os.listdir(target))
        # In it rather than beside it where it is there to stay: it may be another file system.
        with _hidden(target, target if shared else os.path.dirname(target)) as directory:
            yield directory
            flush(directory)
            if shared:
                _move_into(directory, target, path, last)
            else:
                # Onto an empty directory this is atomic too; onto anything else it fails.
                os.rename(directory, target)
            _flush_directory(os.path.dirname(target))
    except Error:
        raise
    except OSError as error:
        raise ExportError(_CANNOT.format(path=path, said=words_of(error))) from error


@contextlib.contextmanager
def new_files(path: str) -> Iterator[str]:
    """The path of a local file to write; it and what is written beside it appear at the end, or nothing does.

    Whatever is written beside the file appears beside `path`, under its own name, before the file itself does.

    Args:
        path: the new file; missing parents are made.

    Raises:
        ExportError: something is at `path` or where another file goes, or it cannot be written.
    """
    check_free(path)
    target = path.rstrip("/") if is_remote(path) else absolute(path)
    parent, name = split_path(target)
    try:
        if is_remote(path):
            with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
                yield os.path.join(directory, name)
                _upload(directory, parent, name)
            return
        _make_parent(parent, path)
        with _hidden(target, parent) as directory:
            yield os.path.join(directory, name)
            for written in os.scandir(directory):
                # Some libraries make files that only the user may read; these are as readable as any new file.
                os.chmod(written.path, 0o666 & ~_umask())
            flush(directory)
            _move_into(directory, parent, path, name)
    except Error:
        raise
    except OSError as error:
        raise ExportError(_CANNOT.format(path=path, said=words_of(error))) from error


@contextlib.contextmanager
def new_file(path: str, faults: Faults | None = None) -> Iterator[str]:
    """The path of a local file to write, which becomes the file at `path` at the end, or nothing does.

    Readers of `path` see what was there before or all of the new file.

    Raises:
        ExportError: it cannot be written, or what `faults` says.
    """
    faults = faults or Faults()
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
            source = os.path.join(directory, "file")
            yield source
            place_at(path, faults).write("", place_at(source, faults).chunks(""))
        return
    target = absolute(path)
    beside = os.path.join(
        os.path.dirname(target), f".{os.path.basename(target)}.tf1hub-{os.urandom(4).hex()}"
    )
    try:
        with mapped(path, "written", faults.write):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            yield beside
            with open(beside, "rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _make_parent(parent: str, path: str) -> None:
    try:
        os.makedirs(parent, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        while not os.path.exists(parent):
            parent = os.path.dirname(parent)
        raise ExportError(_CANNOT.format(path=path, said=f"{parent} is a file")) from error


@contextlib.contextmanager
def _hidden(target: str, parent: str) -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix=f".{os.path.basename(target)}.tf1hub-", dir=parent)
    try:
        # mkdtemp makes it private to the user; a module is as readable as any new directory.
        os.chmod(directory, 0o777 & ~_umask())
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _umask() -> int:
    # The only portable way to read it is to set it.
    value = os.umask(0o022)
    os.umask(value)
    return value


def _move_into(directory: str, target: str, path: str, last: str) -> None:
    """Moves all that a directory holds into one that is there, where nothing may be in the way."""
    moved: list[str] = []
    names = sorted(os.listdir(directory), key=lambda name: (name == last, name))
    taken = [name for name in names if os.path.lexists(os.path.join(target, name))]
    if taken:
        raise ExportError(_EXISTS.format(path=path, names=f" ({', '.join(taken)})"))
    try:
        for name in names:
            if name == last:
                _flush_directory(target)
            os.rename(os.path.join(directory, name), os.path.join(target, name))
            moved.append(name)
        _flush_directory(target)
    except BaseException:
        for name in reversed(moved):
            with contextlib.suppress(OSError):
                os.rename(os.path.join(target, name), os.path.join(directory, name))
        raise


def flush(directory: str) -> None:
    """Brings all that is in a directory onto the disk."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
        _flush_directory(folder)


def _flush_directory(directory: str) -> None:
    # Some systems cannot open or flush a directory; the rename is atomic there all the same.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _upload(directory: str, path: str, last: str) -> None:
    target = place_at(path, Faults(ExportError, ExportError))
    source = place_at(directory)
    names = sorted(source.files(""), key=lambda name: (name.rpartition("/")[2] == last, name))
    check_free(path, {name.partition("/")[0] for name in names})
    written: list[str] = []
    try:
        for name in names:
            written.append(name)
            target.write(name, source.chunks(name))
    except BaseException:
        _take_back(target, written)
        raise


def _take_back(target: Place, written: list[str]) -> None:
    for name in {name.partition("/")[0] for name in written}:
        with contextlib.suppress(Error):
            target.remove(name)
