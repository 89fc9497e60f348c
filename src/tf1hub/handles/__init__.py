"""From a handle to a local directory: handles, caches, downloads, safe unpacking.

Nothing here imports TensorFlow, except for a place in remote storage that only
TensorFlow's file layer can read.
"""

from __future__ import annotations

from tf1hub.handles.api import download, resolve

__all__ = ["download", "resolve"]
