"""What a source is: the files that a path, a folder, a pattern or a list of these names, and of which kind they are."""

from __future__ import annotations

import fnmatch
import glob
import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from tf1hub.arguments import path_text
from tf1hub.errors import InputError
from tf1hub.storage import Faults, copy_file, is_remote, join_path, local_path, place_at, split_path

ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".tsv", ".csv.gz", ".tsv.gz"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
    "tfrecord": (".tfrecord", ".tfrecords", ".tfrecord.gz", ".tfrecords.gz"),
    "text": (".txt", ".txt.gz"),
    "npy": (".npy",),
    "npz": (".npz",),
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"),
}
"""The kinds of sources, and how the names of their files end."""

_KINDS = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}
_FAULTS = Faults(InputError)
_TOGETHER = 4096


class SourceFile(NamedTuple):
    """A file of a source.

    Attributes:
        path: its path or URL.
        name: what it is called in the source: relative to the folder that was given.
        size: bytes.
        modified: when, in nanoseconds; 0 where that is not known.
    """

    path: str
    name: str
    size: int
    modified: int


def find_files(source: Any, kind: str | None = None) -> tuple[str, list[SourceFile]]:
    """The kind of a source, and its files in the order in which they are read: as listed, else by name.

    Args:
        source: a path or URL of a file or folder, a pattern such as `"data/*.parquet"`, or a list of these.
        kind: one of `ENDINGS`; by default, as the names end.

    Raises:
        InputError: there is nothing; or the files are of no kind, or of several.
    """
    if kind is not None and kind not in ENDINGS:
        raise InputError(f"There is no kind of source {kind!r}. There are: {', '.join(ENDINGS)}.")
    listed = isinstance(source, Sequence) and not isinstance(source, str | bytes)
    files: list[SourceFile] = []
    for each in source if listed else [source]:
        files += _files_of(path_text(each, "source"))
    if kind is None:
        of_each = [kind_of(file.path) for file in files]
        kinds = {each: file.path for each, file in zip(of_each, files, strict=True) if each is not None}
        if None in of_each:
            files = [file for each, file in zip(of_each, files, strict=True) if each is not None]
        if len(kinds) > 1:
            shown = ", ".join(f"{each} ({path})" for each, path in kinds.items())
            raise InputError(
                f"The source has files of several kinds: {shown}. Give those of one: kind=, or a pattern."
            )
        kind = next(iter(kinds), None)
    if kind is None or not files:
        endings = ", ".join(each for ends in ENDINGS.values() for each in ends if not each.endswith(".gz"))
        raise InputError(
            f"{source} has no file whose name ends as one of a source: {endings}. Or say what it is: kind=."
        )
    return kind, files


def describe_files(files: Sequence[SourceFile]) -> dict[str, Any]:
    """What tells one source from another, however many files it has: their number, and the digest of what is known of each."""
    lines = "".join(f"{file.name}\0{file.size}\0{file.modified}\0" for file in files)
    return {
        "files": len(files),
        "sha256": hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest(),
    }


def kind_of(path: str) -> str | None:
    """The kind of a file, as its name ends."""
    stem, _, ending = path.lower().rpartition(".")
    if ending == "gz":
        ending = f"{stem.rpartition('.')[2]}.gz"
    return _KINDS.get(f".{ending}")


def _files_of(path: str) -> Iterator[SourceFile]:
    if any(sign in path for sign in "*?["):
        found = _matches(path)
        if not found and not place_at(path, _FAULTS).exists(""):
            raise InputError(f"No file is called as the source {path!r} says.")
        if found:
            for each in found:
                yield _file(each, split_path(each)[1])
            return
    place = place_at(path, _FAULTS)
    if not place.exists(""):
        raise InputError(f"There is nothing at the source {path!r}.")
    if not place.is_directory(""):
        yield _file(path, split_path(path)[1])
        return
    folder = join_path(path, "_")[:-1]
    listed = place.files_with_times("")
    for name in sorted(listed):
        # As Spark and others have it, such files tell of the folder.
        if not (name.startswith((".", "_")) or "/." in name or "/_" in name):
            yield SourceFile(folder + name, name, *listed[name])


def _matches(pattern: str) -> list[str]:
    if not is_remote(pattern):
        return sorted(path for path in glob.glob(local_path(pattern), recursive=True) if os.path.isfile(path))
    folder, last = split_path(pattern)
    while any(sign in folder for sign in "*?["):
        folder, above = split_path(folder)
        last = f"{above}/{last}"
    names = place_at(folder, _FAULTS).files("")
    return sorted(join_path(folder, name) for name in names if _fits(name, last))


def _fits(name: str, pattern: str) -> bool:
    """Whether a name is as a pattern says, where `*` stays within a folder and `**` does not."""
    parts, wanted = name.split("/"), pattern.split("/")
    if "**" in wanted:
        return fnmatch.fnmatchcase(parts[-1], wanted[-1])
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _file(path: str, name: str) -> SourceFile:
    place = place_at(path, _FAULTS)
    modified = os.stat(place.root).st_mtime_ns if place.is_local else 0
    return SourceFile(path, name, place.size("") or 0, modified)


@contextmanager
def local_copy(file: SourceFile) -> Iterator[str]:
    """The path of a file on this machine: its own, or that of a copy for as long as it is read."""
    place = place_at(file.path, _FAULTS)
    if place.is_local:
        yield place.root
        return
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
        path = os.path.join(directory, os.path.basename(file.name))
        copy_file(file.path, path)
        yield path


def read_file(file: SourceFile) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read.
    """
    return place_at(file.path, _FAULTS).read("")


def read_together(
    files: Sequence[SourceFile], split: Callable[[Any, str], Iterator[bytes]], skip: int = 0
) -> Iterator[tuple[int, list[bytes]]]:
    """Yields some records of files at a time, with the number of the first one of these in its file, from 0 on.

    Args:
        files: the files; those whose names end in `.gz` are inflated.
        split: yields the records of a stream, given that and the file's path.
        skip: how many records are passed over.

    Raises:
        InputError: a file cannot be read.
    """
    for file in files:
        with local_copy(file) as path:
            number, records = 0, list[bytes]()
            opener: Any = gzip.open if file.path.lower().endswith(".gz") else open
            try:
                with opener(path, "rb") as stream:
                    for record in split(stream, file.path):
                        if skip:
                            skip -= 1
                            number += 1
                            continue
                        records.append(record)
                        if len(records) == _TOGETHER:
                            yield number, records
                            number, records = number + len(records), []
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{file.path} cannot be read: {error}") from error
            if records:
                yield number, records
