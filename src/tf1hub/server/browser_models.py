"""A signature as what a visitor's browser runs: an ONNX model, and for texts a program that runs before it.

Both are made in a process of their own with limits when somebody first asks, and kept; so is why they cannot be made.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from functools import cache

from tf1hub.errors import UnsupportedGraphError
from tf1hub.handles.cache_files import write_text
from tf1hub.server.trying import MEMORY, ask_apart

TEXT = ".text"
"""How the name of the program that runs before a model ends, after that of the model."""
_REFUSED = ".refused"
_FORM = 2
"""Counted up with what is written: what browsers kept of an older form is none of this one's."""
_PACKAGES = ("onnx", "onnxruntime")


@cache
def can_convert() -> bool:
    """Whether what makes models is installed (extra `server`)."""
    return all(importlib.util.find_spec(name) is not None for name in _PACKAGES)


class BrowserModels:
    """Models for browsers, in the place where a repository keeps what can be made again.

    Args:
        state: that place.
    """

    def __init__(self, state: str) -> None:
        self._folder = os.path.join(state, "onnx")

    def model(self, directory: str, digest: str, signature: str) -> str:
        """The path of a signature as an ONNX model; beside it may lie what runs before it.

        Args:
            directory: the module's.
            digest: of its content.
            signature: its name.

        Raises:
            UnsupportedGraphError: it has no such form, or needs more than a browser has.
            RepositoryError: it took too long, or too much memory; it may be asked for again.
            BusyError: others are at it.
        """
        path = self._path(digest, signature)
        if os.path.exists(path):
            return path
        if why := self.refusal(digest, signature):
            raise UnsupportedGraphError(why)
        try:
            self._make(directory, signature, path)
        except UnsupportedGraphError as error:
            write_text(path + _REFUSED, str(error)[:1000])
            raise
        return path

    def refusal(self, digest: str, signature: str) -> str:
        """Why a signature is no model for browsers; empty where it is one, or nobody asked so far."""
        try:
            with open(self._path(digest, signature) + _REFUSED, encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""

    def _path(self, digest: str, signature: str) -> str:
        name = hashlib.sha256(f"{_FORM} {digest} {signature}".encode()).hexdigest()[:40]
        return os.path.join(self._folder, f"{name}.onnx")

    def _make(self, directory: str, signature: str, path: str) -> None:
        os.makedirs(self._folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="tf1hub-onnx-", dir=self._folder) as beside:
            written = os.path.join(beside, "model.onnx")
            ask_apart({"directory": directory, "signature": signature, "memory": MEMORY, "path": written})
            others = set(os.listdir(beside)) - {"model.onnx", f"model.onnx{TEXT}"}
            if others:
                raise UnsupportedGraphError("Its model has more than 2 GB, which no browser takes.")
            if os.path.exists(written + TEXT):
                # The model comes last: where it is, all of it is.
                os.replace(written + TEXT, path + TEXT)
            os.replace(written, path)
