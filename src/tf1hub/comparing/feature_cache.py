"""Features on disk, so that a second comparison only computes what is new."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from tf1hub.comparing.features import Features

FEATURES_VERSION = 1
"""Of what a file holds; a change makes a new one, and the old ones are read."""

_INPUTS = "1"  # of how examples become inputs, a part of each key: other inputs have other features


class FeatureCache:
    """A directory with a file per module, signature and set of examples.

    Args:
        directory: the directory; it is made when first written to. None keeps nothing.
    """

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._directory = None if directory is None else Path(directory)

    def read(self, *key: str) -> Features | None:
        """The features that were kept under a key; None where there are none, or a file that is damaged or a newer tf1hub's."""
        path = self._path(key)
        if path is None:
            return None
        try:
            # Given a path, np.load leaves the file open where it is damaged.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                # Version 0 said none, and is alike otherwise.
                if "version" in stored and int(stored["version"]) > FEATURES_VERSION:
                    return None
                memory = int(stored["memory"])
                return Features(stored["values"], float(stored["seconds"]), None if memory < 0 else memory)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            # It is computed anew, and replaced.
            return None

    def write(self, features: Features, *key: str) -> None:
        """Keeps features under a key; whoever reads sees all of the file or nothing."""
        path = self._path(key)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        memory = -1 if features.memory is None else features.memory
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file,
                    version=FEATURES_VERSION,
                    values=features.values,
                    seconds=features.seconds,
                    memory=memory,
                )
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _path(self, key: tuple[str, ...]) -> Path | None:
        if self._directory is None:
            return None
        name = hashlib.sha256("\n".join((_INPUTS, *key)).encode()).hexdigest()
        return self._directory / f"{name}.npz"


def default_directory() -> str:
    """Where features are kept: `$TF1HUB_FEATURES_DIR`, else below the system's temporary directory."""
    return os.environ.get("TF1HUB_FEATURES_DIR") or os.path.join(tempfile.gettempdir(), "tf1hub_features")
