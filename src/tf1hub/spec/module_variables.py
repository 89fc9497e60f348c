"""hub.read_variables: the weights behind a handle, without TensorFlow."""

from __future__ import annotations

import os

from tf1hub.arguments import handle_text
from tf1hub.errors import CheckpointError, NotAModuleError
from tf1hub.format import checkpoint
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.storage import is_remote, place_at, scheme_of


def read_variables(handle: ModuleSpec | str | os.PathLike[str]) -> checkpoint.Variables:
    """Reads the variables of a module or a checkpoint: the way to move weights to another framework.

    Needs no TensorFlow. The arrays are read-only views of memory-mapped files: nothing is read
    before it is used.

    Example:
        >>> import tempfile, tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     w = tf.compat.v1.get_variable("layer/w", initializer=[1.0, 2.0])
        ...     hub.add_signature(outputs=tf.identity(w))
        >>> directory = tempfile.TemporaryDirectory()
        >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ...     module = hub.Module(hub.create_module_spec(module_fn))
        ...     _ = session.run(tf.compat.v1.global_variables_initializer())
        ...     module.export(directory.name, session)
        >>> variables = hub.read_variables(directory.name)
        >>> variables
        1 variable, 2 elements
          layer/w  float32  [2]
        >>> variables["layer/w"].tolist()
        [1.0, 2.0]
        >>> directory.cleanup()

    Args:
        handle: a ModuleSpec; a module's handle (a path, a URL, ...); or the prefix of a V2 checkpoint
            (`model.ckpt-1000`), here or in remote storage.

    Returns:
        A mapping from names to arrays; parts of partitioned variables are put together. Its
        `verify()` compares all checksums. Empty for a module without variables.

    Raises:
        NotAModuleError: there is neither a module nor a checkpoint.
        ResolveError: the module could not be obtained.
        CheckpointError: the checkpoint is damaged; or a ModuleSpec has variables and no checkpoint.
    """
    if isinstance(handle, ModuleSpec):
        return _of_spec(handle)
    text = handle_text(handle)
    if not is_remote(text) and _is_checkpoint(text):
        return checkpoint.read_checkpoint(text)
    from tf1hub.handles import resolve

    try:
        return checkpoint.read_checkpoint(resolve(text))
    except NotAModuleError:
        # Asked for last, because a module may be in the cache, where no network is needed.
        if is_remote(text) and scheme_of(text) not in ("http", "https") and _is_checkpoint(text):
            return checkpoint.read_checkpoint(text)
        raise


def _of_spec(spec: ModuleSpec) -> checkpoint.Variables:
    if spec.checkpoint is not None:
        return checkpoint.Variables(checkpoint.CheckpointReader(spec.checkpoint))
    if any(variant.variables for variant in spec.variants()):
        raise CheckpointError(
            f"The variables of {spec.name} have no values, because it has no checkpoint. Those that its initializers "
            "give: tf1hub.initial_values(spec)"
        )
    return checkpoint.Variables(None)


def _is_checkpoint(prefix: str) -> bool:
    return place_at(f"{prefix}.index").exists("")
