"""Is what lies beside the graph whole: the checkpoint, its numbers, the assets?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tf1hub.checks.findings import ERROR, Finding
from tf1hub.errors import CheckpointError, FormatError, UnsupportedFormatError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.saved_model import format_tags
from tf1hub.progress import Say
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.module_spec import ModuleSpec

_FLOATS = frozenset({dtypes.FLOAT, 2, 19, dtypes.BFLOAT16, 8, 18})
_CHUNK_ELEMENTS = 1 << 20
_AGAIN = "Fetch or export the module again."


def stored_files(spec: ModuleSpec, say: Say) -> Iterator[Finding]:
    """Yields what is missing, damaged or not a number in a module's files."""
    for variant in spec.variants():
        try:
            spec.check_assets(variant)
        except FormatError as error:
            yield Finding("missing-asset", ERROR, str(error), _AGAIN, format_tags(variant.tags))
    if spec.checkpoint is None:
        count = len({part.name for variant in spec.variants() for part in variant.variables})
        # A spec from a module_fn has no checkpoint yet; a directory without one has lost it.
        if count and os.path.isdir(spec.name):
            message = f"There is no checkpoint in variables/, but the module has {count} variables."
            yield Finding("no-checkpoint", ERROR, message, _AGAIN)
        return
    try:
        yield from _checkpoint(spec, CheckpointReader(spec.checkpoint), say)
    except (CheckpointError, UnsupportedFormatError) as error:
        yield Finding("damaged-checkpoint", ERROR, str(error), _AGAIN)


def _checkpoint(spec: ModuleSpec, reader: CheckpointReader, say: Say) -> Iterator[Finding]:
    for variant in spec.variants():
        try:
            check_variables(variant, reader)
        except CheckpointError as error:
            yield Finding("checkpoint-mismatch", ERROR, str(error), _AGAIN, format_tags(variant.tags))
    reader.verify(lambda done, total: say("checksums of the variables", done, total, "bytes"))
    names, bad = reader.keys(), []
    for number, name in enumerate(names):
        say("values of the variables", number, len(names), "variables")
        if reader.dtype(name) in _FLOATS and not _finite(reader, name):
            bad.append(name)
    if bad:
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        yield Finding(
            "not-finite-variable",
            ERROR,
            f"{len(bad)} variables hold NaN or infinity: {', '.join(bad[:5])}{more}.",
            "Export from a checkpoint before the training diverged.",
        )


def _finite(reader: CheckpointReader, name: str) -> bool:
    import numpy as np

    flat = reader.array(name).reshape(-1)
    # In pieces, because the answer is an array as large as what is asked about.
    return all(
        bool(np.isfinite(flat[start : start + _CHUNK_ELEMENTS]).all())
        for start in range(0, flat.size, _CHUNK_ELEMENTS)
    )
