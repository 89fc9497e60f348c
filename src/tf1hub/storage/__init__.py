"""Places: directories of this machine, and what fsspec or TensorFlow's file layer reach.

A path or URL that a user or a module gives is a place. `place_at` opens it for reading and writing, with the errors of
whatever lies behind turned into ours; `tf1hub.storage.whole` writes whole or not at all. Neither TensorFlow nor fsspec is
imported before a place needs it.
"""

from tf1hub.storage.address import (
    absolute,
    has_secrets,
    is_remote,
    join_path,
    local_path,
    redact,
    scheme_of,
    split_path,
)
from tf1hub.storage.opening import copy_file, place_at
from tf1hub.storage.place import Faults, Place

__all__ = [
    "Faults",
    "Place",
    "absolute",
    "copy_file",
    "has_secrets",
    "is_remote",
    "join_path",
    "local_path",
    "place_at",
    "redact",
    "scheme_of",
    "split_path",
]
