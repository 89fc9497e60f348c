"""A task: labelled texts or images, from a CSV file, a folder of images, a NumPy file, or arrays."""

from __future__ import annotations

import csv
import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf1hub.errors import InputError, MissingDependencyError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_LABELS = ("label", "labels", "class", "category", "y")
_TEXTS = ("text", "texts", "sentence", "sentences", "x")


@dataclass(frozen=True)
class Task:
    """Labelled examples.

    Attributes:
        kind: `"text"` or `"image"`.
        examples: strings; paths of image files; or an array of images, [n, height, width, channels].
        labels: an array of n labels.
        name: what the task is called in tables.
    """

    kind: str
    examples: Any
    labels: Any
    name: str

    def __len__(self) -> int:
        return len(self.examples)

    def digest(self) -> str:
        """A digest of the examples, the same for the same content in the same order; not of the labels."""
        digest = hashlib.sha256(self.kind.encode())
        for piece in self._pieces():
            digest.update(len(piece).to_bytes(8, "little"))
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self) -> Iterator[bytes]:
        if isinstance(self.examples, np.ndarray):
            yield f"{self.examples.dtype.str} {self.examples.shape}".encode()
            yield np.ascontiguousarray(self.examples).tobytes()
            return
        for example in self.examples:
            yield Path(example).read_bytes() if self.kind == "image" else str(example).encode()


def read_task(task: Any, text_column: str | None = None, label_column: str | None = None) -> Task:
    """Reads a task.

    Args:
        task: a path: a `.csv` or `.tsv` file with a header, a folder with a folder of images per
            class, or a `.npz` file with the arrays `x` and `y`; or a pair of examples and labels.
        text_column: the CSV column of the texts; by default one called text or sentence, otherwise
            the first that has no labels.
        label_column: the CSV column of the labels; by default one called label or class, otherwise
            the last.

    Raises:
        InputError: there is no such file, or its content is not a labelled set.
        MissingDependencyError: pictures are read by Pillow, which is not installed.
    """
    if isinstance(task, Task):
        read = task
    elif isinstance(task, str | os.PathLike):
        read = _from_path(Path(task), text_column, label_column)
    elif isinstance(task, tuple) and len(task) == 2:  # a pair
        read = _from_arrays(task[0], task[1], "examples")
    else:
        raise InputError(f"A task is a path, or a pair of examples and labels, not {type(task).__name__}.")
    return _check(read)


def _from_path(path: Path, text_column: str | None, label_column: str | None) -> Task:
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        raise InputError(f"There is no labelled set at {os.fspath(path)!r}.")
    if path.suffix.lower() in (".csv", ".tsv"):
        return _from_csv(path, text_column, label_column)
    if path.suffix.lower() == ".npz":
        return _from_npz(path)
    raise InputError(
        f"{os.fspath(path)!r} is no labelled set: those are .csv and .tsv files, .npz files, and folders "
        "with a folder of images per class."
    )


def _from_csv(path: Path, text_column: str | None, label_column: str | None) -> Task:
    # Sniffing the delimiter guesses wrong on prose, which is full of commas.
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    if len(rows) < 2 or len(rows[0]) < 2:  # a header and an example; text and label
        raise InputError(
            f"{os.fspath(path)!r} needs a header with two columns or more, and examples below it."
        )
    header = rows[0]
    label = _column(path, header, label_column, _LABELS, len(header) - 1)
    others = [index for index in range(len(header)) if index != label]
    text = _column(path, header, text_column, _TEXTS, others[0])
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise InputError(
                f"{os.fspath(path)!r}, row {number}, has {len(row)} columns; the header has {len(header)}."
            )
    labels = np.array([row[label] for row in rows[1:]])
    return Task("text", [row[text] for row in rows[1:]], labels, path.name)


def _column(path: Path, header: list[str], given: str | None, usual: Sequence[str], otherwise: int) -> int:
    if given is not None:
        if given not in header:
            raise InputError(f"{os.fspath(path)!r} has no column {given!r}. It has: {', '.join(header)}.")
        return header.index(given)
    lower = [name.strip().lower() for name in header]
    return next((lower.index(name) for name in usual if name in lower), otherwise)


def _from_folder(path: Path) -> Task:
    require_pillow()
    examples: list[str] = []
    labels: list[str] = []
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in IMAGE_SUFFIXES:
                examples.append(os.fspath(file))
                labels.append(folder.name)
    if not examples:
        raise InputError(
            f"{os.fspath(path)!r} has no images. They lie in a folder per class: "
            f"{path.name}/CLASS/FILE with the ending {', '.join(IMAGE_SUFFIXES)}."
        )
    return Task("image", examples, np.array(labels), path.name)


def _from_npz(path: Path) -> Task:
    try:
        # Given a path, np.load leaves the file open where it is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{os.fspath(path)!r} cannot be read: {error}.") from error
    if not {"x", "y"} <= set(arrays):
        raise InputError(
            f"{os.fspath(path)!r} has the arrays {', '.join(sorted(arrays)) or 'none'}; "
            "it needs x (texts, or images [n, height, width, channels]) and y (labels)."
        )
    return _from_arrays(arrays["x"], arrays["y"], path.name)


def _from_arrays(examples: Any, labels: Any, name: str) -> Task:
    array = np.asarray(examples)
    if array.ndim == 1 and array.dtype.kind in "USO":
        texts = [text.decode() if isinstance(text, bytes) else str(text) for text in array]
        return Task("text", texts, np.asarray(labels), name)
    if array.ndim == 4 and array.dtype.kind in "uf":  # a batch of images
        if array.dtype.kind == "u" and array.dtype != np.uint8:
            raise InputError(f"Images are uint8 in [0, 255] or floats in [0, 1], not {array.dtype}.")
        return Task("image", array, np.asarray(labels), name)
    raise InputError(
        f"The examples are {array.dtype} {list(array.shape)}; texts are strings [n], "
        "images uint8 or floats in [0, 1], [n, height, width, channels]."
    )


def _check(task: Task) -> Task:
    if task.labels.ndim != 1 or len(task.labels) != len(task):
        raise InputError(
            f"{task.name} has {len(task)} examples, and labels of the shape {list(task.labels.shape)}; "
            "each example has one label."
        )
    classes, counts = np.unique(task.labels, return_counts=True)
    if len(classes) < 2:  # nothing to tell apart
        raise InputError(f"{task.name} has {len(classes)} class; a comparison needs two or more.")
    if counts.min() < 2:  # one to learn from, one to be tested on
        raise InputError(
            f"{task.name} has a single example of {classes[counts.argmin()]!s}; each class needs two or more."
        )
    return task


def require_pillow() -> Any:
    """Pillow's Image, or an error that says how to get it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            "Images are read and resized by Pillow, which is not installed. pip install 'tf1hub[compare]'"
        ) from error
    return Image
