"""Writes a module directory: nothing appears at its path until it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from tf1hub.errors import Error, ExportError
from tf1hub.format import module_def, saved_model
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module_reader import VARIABLES_PREFIX
from tf1hub.storage import copy_file, whole
from tf1hub.storage.faults import words_of

RESERVED = (module_def.FILE_NAME, saved_model.FILE_NAME, "saved_model.pbtxt", "variables")
"""What a directory that becomes a module must not hold before."""

_NO_ASSET = "Cannot export to {path}: the asset {name!r} should be copied from {source}, which cannot be read: {error}."

WriteVariables = Callable[[str], None]
"""Writes the module's checkpoint below a prefix."""


def write_module(
    path: str,
    definition: SavedModel,
    asset_paths: Mapping[str, str],
    write_variables: WriteVariables | None,
) -> None:
    """Writes a module: whoever looks at `path` sees nothing or the whole module, see `storage.new_directory`.

    Args:
        path: the new directory, here or elsewhere; missing parents are made. It may hold other files.
        definition: what becomes `saved_model.pb`.
        asset_paths: where each file for `assets/` lies now, by file name.
        write_variables: writes the checkpoint; None for a module without variables.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """

    with whole.new_directory(path, module_def.FILE_NAME, RESERVED) as directory:
        _fill(directory, path, definition, asset_paths, write_variables)


def write_directory(path: str, fill: Callable[[str], None], last: str) -> None:
    """Writes the directory of a module or SavedModel: what `fill` writes appears at `path` whole, or not at all.

    Args:
        path: the new directory; missing parents are made. It may hold files of other names.
        fill: writes everything into the local directory that it is given.
        last: the file without which nobody takes the directory for whole.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """
    with whole.new_directory(path, last, RESERVED) as directory:
        fill(directory)


def check_free(path: str) -> None:
    """Refuses a path where a module or SavedModel is, or a part of one; other files do not matter.

    Raises:
        ExportError: something is there, or the place cannot be looked at.
    """
    whole.check_free(path, RESERVED)


def _fill(
    directory: str,
    path: str,
    definition: SavedModel,
    asset_paths: Mapping[str, str],
    write_variables: WriteVariables | None,
) -> None:
    if asset_paths:
        os.mkdir(os.path.join(directory, "assets"))
    for name, source in sorted(asset_paths.items()):
        try:
            copy_file(source, os.path.join(directory, "assets", name))
        except (Error, OSError) as error:
            raise ExportError(
                _NO_ASSET.format(
                    path=path, name=name, source=source, error=words_of(error.__cause__ or error)
                )
            ) from error
    if write_variables is not None:
        os.mkdir(os.path.join(directory, "variables"))
        write_variables(os.path.join(directory, VARIABLES_PREFIX))
    with open(os.path.join(directory, saved_model.FILE_NAME), "wb") as file:
        # Deterministic: the same module gives the same bytes, and so the same digest.
        file.write(definition.SerializeToString(deterministic=True))
    with open(os.path.join(directory, module_def.FILE_NAME), "wb") as file:
        file.write(module_def.module_def_bytes())
