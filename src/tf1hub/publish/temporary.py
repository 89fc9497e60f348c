"""Checkpoints that a spec owns because its values lay in no checkpoint before."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile


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
