"""Exports the modules of a program from one of its checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.arguments import check_function, path_text
from tf1hub.errors import ExporterError, ExportError
from tf1hub.format import module_def
from tf1hub.format.checkpoint import CheckpointReader, read_checkpoint
from tf1hub.format.checkpoint.latest import latest_checkpoint
from tf1hub.format.checkpoint.shards import index_path
from tf1hub.graph import Module
from tf1hub.publish.registered import registered_modules
from tf1hub.spec.spec_export import names_besides
from tf1hub.storage import join_path, place_at
from tf1hub.storage.whole import new_directory

NO_MODULES = (
    "No module was registered for export in the graph that {builder} builds. "
    "Call tf1hub.register_module_for_export(module, export_name) there, in every mode."
)


def export_from_checkpoint(
    build_fn: Callable[[], Any], checkpoint_path: str | os.PathLike[str], export_dir: str | os.PathLike[str]
) -> dict[str, str]:
    """Exports the modules that a function's graph registers, with the values that a checkpoint holds.

    It needs no Estimator and no session: the values go from the checkpoint to the modules' files.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     hub.add_signature(inputs=x, outputs=x * tf.compat.v1.get_variable("w", initializer=2.0))
        >>> spec = hub.create_module_spec(module_fn)
        >>> def model():
        ...     with tf.compat.v1.variable_scope("model"):
        ...         module = hub.Module(spec, trainable=True, name="scale")
        ...     hub.register_module_for_export(module, "scale")
        ...     return module([1.0])
        >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ...     _ = model()
        ...     session.run(tf.compat.v1.global_variables_initializer())
        ...     _ = session.run(tf.compat.v1.global_variables()[0].assign(5.0))
        ...     checkpoint = tf.compat.v1.train.Saver().save(session, "training/model.ckpt")
        >>> hub.export_from_checkpoint(model, checkpoint, "exported")
        {'scale': 'exported/scale'}
        >>> with hub.eval_function_for_module("exported/scale") as scale:
        ...     print(scale([1.0]))
        [5.]

    Args:
        build_fn: builds the program's graph as it was for training, and calls
            `register_module_for_export`; called once, without arguments, in an empty graph.
        checkpoint_path: prefix of a checkpoint that the program's Saver wrote; or the directory of its
            checkpoints, which stands for the latest.
        export_dir: a new directory, which gets a directory for each module. It appears when all modules
            are written, or not at all.

    Returns:
        The path of each module, by export name.

    Raises:
        ExporterError: no module was registered.
        ExportError: something is at `export_dir`, or it cannot be written.
        CheckpointError: the checkpoint is damaged, or has not all variables.
    """
    check_function(build_fn, "build_fn")
    target = path_text(export_dir)
    path = _checkpoint_prefix(path_text(checkpoint_path))
    with tf.Graph().as_default() as graph:
        build_fn()
        modules = registered_modules(graph)
    if not modules:
        raise ExporterError(NO_MODULES.format(builder=f"{getattr(build_fn, '__name__', 'build_fn')}()"))
    with new_directory(target, module_def.FILE_NAME) as directory:
        write_modules(modules, directory, writer_from_checkpoint(path))
    return {name: join_path(target, name) for name in modules}


def writer_from_checkpoint(checkpoint: str) -> Callable[[Module, str], None]:
    """Writes a module with the values in a checkpoint of its program.

    Variables of variants that the program does not use keep the values that they are stored with.
    """

    def write(module: Module, path: str) -> None:
        scope, spec = module.name, module.spec
        owned = {stored.name for stored, _ in module.family.variables.values()}
        reader = CheckpointReader(checkpoint)
        unused = [name for name in names_besides(spec, owned) if f"{scope}/{name}" not in reader]
        stored = read_checkpoint(spec.checkpoint) if unused and spec.checkpoint is not None else {}
        spec.export(
            path,
            checkpoint_path=checkpoint,
            name_transform_fn=lambda name: f"{scope}/{name}",
            values={name: stored[name] for name in unused if name in stored},
        )

    return write


def write_modules(
    modules: Mapping[str, Module], directory: str, write: Callable[[Module, str], None]
) -> None:
    """Writes each module into a directory of its name."""
    for name, module in modules.items():
        write(module, os.path.join(directory, name))


def _checkpoint_prefix(path: str) -> str:
    # On ram://, the beginning of a name is a directory.
    if place_at(index_path(path)).exists("") or not place_at(path).is_directory(""):
        return path
    latest = latest_checkpoint(path)
    if latest is None:
        raise ExportError(f"There is no checkpoint in the directory {path}; has the program been trained?")
    return latest
