"""Opens a place. Only this file knows all the ways to reach one."""

from __future__ import annotations

import os
import shutil

from tf1hub.errors import MissingDependencyError
from tf1hub.storage.address import is_remote, local_path, redact, scheme_of
from tf1hub.storage.local import LocalPlace
from tf1hub.storage.place import Faults, Place


def place_at(path: str | os.PathLike[str], faults: Faults | None = None) -> Place:
    """Opens a place.

    Example:
        >>> import pathlib
        >>> _ = pathlib.Path("tfhub_module.pb").write_bytes(b"\\x08\\x03")
        >>> place_at(".").read("tfhub_module.pb")
        b'\\x08\\x03'

    Args:
        path: a path of this machine, or a URL whose scheme fsspec knows here, or else TensorFlow's file layer.
        faults: the errors that its methods raise.

    Raises:
        MissingDependencyError: neither knows the scheme.
    """
    text = os.fspath(path)
    faults = faults or Faults()
    if not is_remote(text):
        return LocalPlace(local_path(text), faults)
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme_of(text))
    except (ImportError, ValueError) as error:
        return _by_tensorflow(text, faults, error)
    from tf1hub.storage.with_fsspec import FsspecPlace

    return FsspecPlace(text, faults)


def copy_file(source: str, target: str) -> None:
    """Copies the file at a path or URL to a path of this machine."""
    place = place_at(source)
    if place.is_local:
        # In the kernel, where it can.
        shutil.copyfile(place.root, target)
        return
    with open(target, "wb") as file:
        file.writelines(place.chunks(""))


def _by_tensorflow(url: str, faults: Faults, cause: Exception) -> Place:
    from tf1hub.storage import with_tensorflow

    place = with_tensorflow.place_at(url, faults)
    if place is not None:
        return place
    scheme = scheme_of(url)
    raise MissingDependencyError(
        f"Nothing here can reach {redact(url)}: fsspec says {str(cause)!r}, and TensorFlow's file layer does not know "
        f"{scheme}:// or is not installed. pip install 'tf1hub[remote]' and fsspec's package for {scheme}."
    ) from cause
