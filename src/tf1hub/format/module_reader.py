"""A module directory, read: `read_module`."""

from __future__ import annotations

import os
from typing import NamedTuple

from tf1hub.errors import NotAModuleError
from tf1hub.format import module_def, saved_model
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.storage import Place, place_at

VARIABLES_PREFIX = "variables/variables"
"""The checkpoint's prefix below the module's directory."""

_NOTHING = "There is nothing at {where}. A module is a directory with the file tfhub_module.pb, or an archive of one (.tar.gz, .zip, ...)."
_NOT_A_DIRECTORY = "{where} is a file of {size} bytes, not a module's directory. A module is a directory with the file tfhub_module.pb, or an archive of one (.tar.gz, .zip, ...)."
_SAVED_MODEL = (
    "{where} has no tfhub_module.pb but a saved_model.pb: it looks like a SavedModel, not a TF1 Hub module. "
    "Load it with tf1hub.load, or with tf.saved_model.load. For tf1hub.Module, make a module of it: "
    "spec = tf1hub.create_module_spec_from_saved_model({where!r}, inference_tags={{'serve'}}, "
    "default_signature='serving_default'); module = tf1hub.Module(spec)"
)
_EMPTY = "{where} is not a TF1 Hub module: it has no tfhub_module.pb. It has: {names}."
_NO_GRAPH = "{where} is half of a TF1 Hub module: it has tfhub_module.pb but no saved_model.pb. Fetch or export it again."


class StoredModule(NamedTuple):
    """A module as it lies on disk, its graphs parsed, nothing else read.

    Attributes:
        storage: reads its files.
        saved_model: the parsed `saved_model.pb`.
    """

    storage: Place
    saved_model: SavedModel

    @property
    def path(self) -> str:
        """The directory."""
        return self.storage.root

    @property
    def checkpoint(self) -> str | None:
        """The prefix of the module's checkpoint, or None for a module without variables.

        Any file of a checkpoint tells one: where the index is lost, whoever reads it says so.
        """
        directory, _, name = VARIABLES_PREFIX.rpartition("/")
        if self.storage.exists(f"{VARIABLES_PREFIX}.index") or (
            self.storage.is_directory(directory)
            and any(file.partition(".")[0] == name for file in self.storage.list(directory))
        ):
            return self.storage.path(VARIABLES_PREFIX)
        return None


def read_module(path: str | os.PathLike[str]) -> StoredModule:
    """Reads the module in a directory, without TensorFlow.

    Args:
        path: a local directory, or a URL that fsspec or TensorFlow's file layer reads (which it then
            needs).

    Raises:
        NotAModuleError: there is no module at `path`; a SavedModel is told from it.
        UnsupportedFormatError: the module has a newer format or needs an unknown feature.
        FormatError: a file of the module is damaged.
    """
    storage = place_at(path)
    _check_is_module(storage)
    module_def.check_module_def(storage.read(module_def.FILE_NAME), storage.path(module_def.FILE_NAME))
    if not storage.exists(saved_model.FILE_NAME):
        raise NotAModuleError(_NO_GRAPH.format(where=storage.root))
    graphs = saved_model.parse_saved_model(
        storage.read(saved_model.FILE_NAME), storage.path(saved_model.FILE_NAME)
    )
    return StoredModule(storage, graphs)


def is_module(path: str | os.PathLike[str]) -> bool:
    """Whether the directory has the file that tells a TF1 Hub module."""
    return place_at(path).exists(module_def.FILE_NAME)


def _check_is_module(storage: Place) -> None:
    if storage.exists(module_def.FILE_NAME):
        return
    if not storage.exists(""):
        raise NotAModuleError(_NOTHING.format(where=storage.root))
    if not storage.is_directory(""):
        raise NotAModuleError(_NOT_A_DIRECTORY.format(where=storage.root, size=storage.size("")))
    if storage.exists(saved_model.FILE_NAME):
        raise NotAModuleError(_SAVED_MODEL.format(where=storage.root))
    names = ", ".join(storage.list("")) or "nothing"
    raise NotAModuleError(_EMPTY.format(where=storage.root, names=names))
