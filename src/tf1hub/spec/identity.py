"""Which stored module a definition is: what a conversion says of the module that it was made from."""

from __future__ import annotations

import os

from tf1hub.format.module_reader import VARIABLES_PREFIX, is_module
from tf1hub.handles.manifest import content_digest, of_directory
from tf1hub.spec.module_spec import ModuleSpec


def module_digest(spec: ModuleSpec) -> str | None:
    """The digest of the stored module that a definition was read from, as `tf1hub lock` pins it.

    None where it lies nowhere on this machine, or where the values are not those of the stored module.

    Args:
        spec: the definition.
    """
    directory = spec.name
    if not os.path.isdir(directory) or not is_module(directory):
        return None
    if spec.checkpoint not in (None, os.path.join(directory, *VARIABLES_PREFIX.split("/"))):
        return None
    return content_digest(of_directory(directory))
