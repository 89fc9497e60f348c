"""The latest checkpoint in a directory, as the file `checkpoint` that a Saver keeps there tells it."""

from __future__ import annotations

import os
import re

from google.protobuf.text_encoding import CUnescape

from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint.shards import index_path
from tf1hub.storage import Faults, is_remote, join_path, local_path, place_at

__all__ = ["latest_checkpoint"]

# A CheckpointState message as text; the first of its fields is all that matters here.
_LATEST = re.compile(
    r'^\s*model_checkpoint_path\s*:\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\')', re.MULTILINE
)


def latest_checkpoint(directory: str) -> str | None:
    """Returns the prefix of the latest checkpoint in a directory, or None where it has none.

    Args:
        directory: here or at a URL.

    Raises:
        CheckpointError: the directory cannot be read.
    """
    place = place_at(directory, Faults(CheckpointError))
    if place.size("checkpoint") is None:
        return None
    match = _LATEST.search(place.read("checkpoint").decode("utf-8", "replace"))
    if match is None:
        return None
    said = CUnescape(match[1] if match[1] is not None else match[2]).decode("utf-8", "replace")
    prefix = said if is_remote(said) or os.path.isabs(local_path(said)) else join_path(place.root, said)
    return prefix if place_at(index_path(prefix)).exists("") else None
