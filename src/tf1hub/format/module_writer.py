"""Writes a module directory: nothing appears at its path until it is whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping

from tf1hub.errors import Error, ExportError
from tf1hub.format import module_def, saved_model
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module import VARIABLES_PREFIX
from tf1hub.format.storage import is_remote, storage_at

_EXISTS = (
    "Cannot export to {path}: something is there already. "
    "Exporting never overwrites; choose a new path, or remove what is there."
)
_NO_ASSET = "Cannot export to {path}: the asset {name!r} should be copied from {source}, which cannot be read: {error}."

WriteVariables = Callable[[str], None]
"""Writes the module's checkpoint below a prefix."""


def write_module(
    path: str,
    definition: SavedModel,
    asset_paths: Mapping[str, str],
    write_variables: WriteVariables | None,
) -> None:
    """Writes a module: into a sibling directory first, flushed, then renamed.

    Whoever looks at `path` sees nothing or the whole module, also when the process is killed; then
    a directory `.<name>.tf1hub-...` beside it may remain, which anybody may remove. On a remote
    path, where directories cannot be renamed as one, `tfhub_module.pb` is written last.

    Args:
        path: the new directory; missing parents are made. It may be an empty directory.
        definition: what becomes `saved_model.pb`.
        asset_paths: where each file for `assets/` lies now, by file name.
        write_variables: writes the checkpoint; None for a module without variables.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """

    def fill(directory: str) -> None:
        _fill(directory, path, definition, asset_paths, write_variables)

    write_directory(path, fill, module_def.FILE_NAME)


def write_directory(path: str, fill: Callable[[str], None], last: str) -> None:
    """Writes a directory: what `fill` writes appears at `path` whole, or not at all.

    Args:
        path: the new directory; missing parents are made. It may be an empty directory.
        fill: writes everything into the local directory that it is given.
        last: the file without which nobody takes the directory for whole; on a remote path, where
            directories cannot be renamed as one, it is copied last.

    Raises:
        ExportError: something is at `path`, or it cannot be written.
    """
    check_free(path)
    if is_remote(path):
        _write_remote(path, fill, last)
        return
    path = os.path.abspath(path.removeprefix("file://"))
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with _sibling(path) as directory:
            fill(directory)
            _flush(directory)
            # Onto an empty directory this is atomic too; onto anything else it fails.
            os.rename(directory, path)
            _flush_directory(os.path.dirname(path))
    except Error:
        raise
    except OSError as error:
        raise ExportError(f"Cannot export to {path}: {error}.") from error


def check_free(path: str) -> None:
    """Refuses a path where something is; an empty directory is as good as nothing.

    Raises:
        ExportError: something is there.
    """
    storage = storage_at(path)
    if storage.exists("") and not (storage.is_directory("") and not storage.list("")):
        raise ExportError(_EXISTS.format(path=path))


@contextlib.contextmanager
def _sibling(path: str) -> Iterator[str]:
    parent, name = os.path.split(path)
    directory = tempfile.mkdtemp(prefix=f".{name}.tf1hub-", dir=parent)
    try:
        # mkdtemp makes it private to the user; a module is as readable as any new directory.
        os.chmod(directory, 0o777 & ~_umask())
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _umask() -> int:
    # The only portable way to read it is to set it.
    value = os.umask(0o022)
    os.umask(value)
    return value


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
            _copy_asset(source, os.path.join(directory, "assets", name))
        except OSError as error:
            raise ExportError(_NO_ASSET.format(path=path, name=name, source=source, error=error)) from error
    if write_variables is not None:
        os.mkdir(os.path.join(directory, "variables"))
        write_variables(os.path.join(directory, VARIABLES_PREFIX))
    with open(os.path.join(directory, saved_model.FILE_NAME), "wb") as file:
        # Deterministic: the same module gives the same bytes, and so the same digest.
        file.write(definition.SerializeToString(deterministic=True))
    with open(os.path.join(directory, module_def.FILE_NAME), "wb") as file:
        file.write(module_def.module_def_bytes())


def _copy_asset(source: str, target: str) -> None:
    if is_remote(source):
        from tf1hub._tensorflow import file_layer

        file_layer().copy(source, target)
    else:
        shutil.copyfile(source.removeprefix("file://"), target)


def _flush(directory: str) -> None:
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
        _flush_directory(folder)


def _flush_directory(directory: str) -> None:
    # Some systems cannot open or flush a directory; the rename is atomic there all the same.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_remote(path: str, fill: Callable[[str], None], last: str) -> None:
    from tf1hub._tensorflow import file_layer

    files = file_layer()
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
        fill(directory)
        for folder, _, names in os.walk(directory):
            below = os.path.relpath(folder, directory).replace(os.sep, "/")
            target = path.rstrip("/") if below == "." else f"{path.rstrip('/')}/{below}"
            files.makedirs(target)
            for name in names:
                if (below, name) != (".", last):
                    files.copy(os.path.join(folder, name), f"{target}/{name}")
        files.copy(os.path.join(directory, last), f"{path.rstrip('/')}/{last}")
