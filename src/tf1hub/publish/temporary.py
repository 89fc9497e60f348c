"""Files that a spec owns: checkpoints of values that lay in none before, copies of what TensorFlow cannot read."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tf1hub.handles.plan import IN_PLACE_SCHEMES
from tf1hub.storage import absolute, is_remote, place_at, scheme_of, split_path


def temporary_directory() -> str:
    """A new directory that is removed when the process ends.

    Not sooner: a graph restores from the checkpoint in it when its initializers run, which may be
    long after the spec was dropped.
    """
    directory = tempfile.mkdtemp(prefix="tf1hub-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def temporary_prefix() -> str:
    """The prefix for a new checkpoint that is removed when the process ends."""
    return os.path.join(temporary_directory(), "variables")


def for_tensorflow(path: str) -> str:
    """An absolute path where TensorFlow's ops find what lies at a place.

    Args:
        path: a directory, or the prefix of a checkpoint. What only fsspec reads is copied.
    """
    if not is_remote(path) or scheme_of(path) in IN_PLACE_SCHEMES:
        return absolute(path)
    where = place_at(path)
    if where.is_directory(""):
        name, found = "", list(where.files(""))
    else:
        directory, name = split_path(path)
        where = place_at(directory)
        found = [one for one in where.list("") if one.startswith(f"{name}.")]
    if not found:
        # Whoever reads there says so.
        return absolute(path)
    target = place_at(temporary_directory())
    for one in found:
        target.write(one, where.chunks(one))
    return target.path(name)
