"""A module from a checkpoint and a function that builds the graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tf1hub.arguments import path_text
from tf1hub.errors import CheckpointError
from tf1hub.format.checkpoint import CheckpointReader, CheckpointWriter
from tf1hub.format.checkpoint.latest import latest_checkpoint
from tf1hub.format.checkpoint.shards import index_path
from tf1hub.publish.module_fn import create_module_spec
from tf1hub.publish.temporary import for_tensorflow, temporary_prefix
from tf1hub.spec.checkpoint_check import check_variables
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.storage import absolute, place_at


def from_checkpoint(
    module_fn: Callable[..., Any],
    checkpoint: str | os.PathLike[str],
    *,
    tags_and_args: Sequence[tuple[Iterable[str], Mapping[str, Any]]] | None = None,
    drop_collections: Iterable[str] | None = None,
    name_transform_fn: Callable[[str], str] | None = None,
) -> ModuleSpec:
    """Makes a module of a function that builds a graph, with the trained values of a checkpoint.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> from tf1hub.format.checkpoint import CheckpointWriter
        >>> with CheckpointWriter("model.ckpt") as writer:
        ...     writer.add("tower/w", [2.0, 3.0])
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float64, [None, 2])
        ...     w = tf.compat.v1.get_variable("w", [2], tf.float64)
        ...     hub.add_signature(inputs=x, outputs=tf.linalg.matvec(x, w))
        >>> spec = hub.publish.from_checkpoint(module_fn, "model.ckpt", name_transform_fn="tower/{}".format)
        >>> spec.export("module")

    Args:
        module_fn: builds one variant, as for `tf1hub.create_module_spec`.
        checkpoint: a checkpoint's prefix (`model.ckpt-1000`), or a directory, whose latest is taken.
        tags_and_args: as for `tf1hub.create_module_spec`.
        drop_collections: as for `tf1hub.create_module_spec`.
        name_transform_fn: maps a variable's name in the module to its name in the checkpoint, such as
            that of its moving average; None for equal names.

    Returns:
        A spec whose variables start from the checkpoint; `spec.export(path)` writes them.

    Raises:
        CreationError: the graph cannot become a module.
        CheckpointError: the checkpoint is damaged, lacks a variable, or has it in another shape or
            dtype.
    """
    prefix = checkpoint_prefix(checkpoint)
    spec = create_module_spec(module_fn, tags_and_args, drop_collections)
    reader = CheckpointReader(prefix)
    transform = name_transform_fn or (lambda name: name)
    for variant in spec.variants():
        check_variables(variant, reader, transform)
    names = sorted({variable.name for variant in spec.variants() for variable in variant.variables})
    if any(transform(name) != name for name in names):
        prefix = temporary_prefix()
        with CheckpointWriter(prefix) as writer:
            for name in names:
                writer.copy_from(reader, transform(name), name)
    return spec.with_values(prefix if names else None)


def checkpoint_prefix(checkpoint: str | os.PathLike[str]) -> str:
    """The prefix of a checkpoint: as given, or that of the latest in a directory.

    Raises:
        CheckpointError: the directory has none.
    """
    # The spec outlives a change of the working directory.
    path = absolute(path_text(checkpoint))
    # On ram://, the beginning of a name is a directory.
    if place_at(index_path(path)).exists("") or not place_at(path).is_directory(""):
        return for_tensorflow(path)
    latest = latest_checkpoint(path)
    if latest is None:
        raise CheckpointError(
            f"{path} is a directory without a checkpoint (a file 'checkpoint' that names the latest). "
            "Give a checkpoint's prefix, such as model.ckpt-1000."
        )
    return for_tensorflow(latest)
