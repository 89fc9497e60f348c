"""The cache of the package kagglehub, which newer versions of the original library fill."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from tf1hub.handles.handle import Handle, Kind


def find(handle: Handle) -> str | None:
    """Returns the directory where kagglehub has unpacked the module, or None.

    kagglehub marks a version that is whole with a file `VERSION.complete`
    beside the directory `VERSION`.
    """
    prefix = "https://www.kaggle.com/models/"
    if handle.kind is not Kind.HTTP or not handle.canonical.startswith(prefix) or not handle.is_versioned:
        return None
    root = os.environ.get("KAGGLEHUB_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "kagglehub")
    names = urlsplit(handle.canonical).path.split("/")[2:]
    path = os.path.join(root, "models", *names)
    if os.path.isfile(f"{path}.complete") and os.path.isdir(path):
        return path
    return None
