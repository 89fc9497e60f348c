"""The files of a conversion in place of the original's, so that both tell the same paths.

A signature may give the path of an asset (`vocab_file` of BERT's modules), or anything made of it: a path beside it, its
parts, its length. No comparison of results knows all of that; where both lie at the same place there is nothing to know.
"""

from __future__ import annotations

import hashlib
import os

from tf1hub.errors import CheckFailedError
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.storage import place_at

_FOLDER = "assets"


def with_assets_of(spec: ModuleSpec, directory: str) -> ModuleSpec:
    """A module whose assets are those of its conversion; itself where it has none.

    Args:
        spec: the module.
        directory: its conversion.

    Raises:
        CheckFailedError: an asset is not among what was written.
    """
    if not spec.asset_paths:
        return spec
    folder = os.path.join(directory, _FOLDER)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    digests = {name: _digest(os.path.join(folder, name)) for name in names}
    by_digest = {digest: name for name, digest in digests.items()}
    paths: dict[str, str] = {}
    for name, source in spec.asset_paths.items():
        digest = _digest(source)
        if digest not in by_digest:
            raise CheckFailedError(
                f"The conversion of {spec.name} lacks its asset {name!r}, so it was not kept. It has: "
                f"{', '.join(names) or 'none'}."
            )
        # By what they hold: TensorFlow numbers files of one name in an order of its own.
        same = name if digests.get(name) == digest else by_digest[digest]
        paths[name] = os.path.join(folder, same)
    return spec.with_values(spec.checkpoint, paths)


def _digest(path: str) -> bytes:
    digest = hashlib.sha256()
    for chunk in place_at(path).chunks(""):
        digest.update(chunk)
    return digest.digest()
