"""What lies on disk, read and written without TensorFlow.

`read_module` reads a module directory; `read_checkpoint` its weights. The
messages are those of `messages.proto`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tf1hub.format.checkpoint import read_checkpoint as read_checkpoint
    from tf1hub.format.module_reader import StoredModule as StoredModule
    from tf1hub.format.module_reader import read_module as read_module

__all__ = ["StoredModule", "read_checkpoint", "read_module"]

_HOMES = {
    "StoredModule": "tf1hub.format.module_reader",
    "read_module": "tf1hub.format.module_reader",
    "read_checkpoint": "tf1hub.format.checkpoint",
}


def __getattr__(name: str) -> object:
    # Lazy, so that reading a proto does not pay for the checkpoint reader.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
