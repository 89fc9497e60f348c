"""`tf1hub.load`: a module, of either format, as an object of TensorFlow 2."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import as_written, variables_of_the_program
from tf1hub.arguments import handle_text
from tf1hub.errors import InputError
from tf1hub.format.module_reader import is_module, read_module
from tf1hub.format.saved_model import FILE_NAME, parse_saved_model
from tf1hub.graph.building import building
from tf1hub.graph.kept import keep_with
from tf1hub.program.screen import check_supported
from tf1hub.spec.module_spec import ModuleSpec, Tags, choose_variants
from tf1hub.spec.permission import Trust, permission
from tf1hub.spec.unknown import tag_set
from tf1hub.spec.variant import Variant
from tf1hub.storage import place_at
from tf1hub.tf2.in_graph import initialize_in_graph
from tf1hub.tf2.initial_values import values_of
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.loaded_state import LoadedState
from tf1hub.tf2.processes import check_threads
from tf1hub.tf2.saved_values import can_stay_stored, stored_types
from tf1hub.tf2.variables import Trainable, check_choice
from tf1hub.tf2.variant_state import THIS_TENSORFLOW
from tf1hub.trust.refusal import check_all, check_state

_CHOSEN = (
    "trainable= of tf1hub.load is for TF1 modules, and {path} is a SavedModel of TensorFlow 2, whose variables are what "
    "they were when it was saved. Leave it out, and give the optimizer those of the loaded object's "
    "trainable_variables that you choose; or use tf1hub.KerasLayer(handle, trainable=...), which takes names too."
)


# Called inside a `tf.function` it would be rewritten by AutoGraph, which takes long and warns.
@as_written
def load(
    handle: ModuleSpec | str | os.PathLike[str],
    tags: Tags = None,
    trainable: Trainable = True,
    options: tf.saved_model.LoadOptions | None = None,
    *,
    trust: Trust = None,
) -> LoadedModule | Any:
    """Loads a module for TensorFlow 2: callable, trainable, savable.

    To train a module, load it once, outside of any `tf.function`. Inside a `tf.function`, each trace loads the
    module anew, even within `tf.init_scope`. Variable creators see the variables. Both are as for
    `tf.saved_model.load`.

    In a graph (a `tf.Graph`, or after `tf.compat.v1.disable_eager_execution`), the module lives in that graph, and
    is called there. The graph's initializers give the variables their values; so do those of tables alone, if the
    variables have no values yet. The variables are among the module's `trainable_variables`, but not the graph's.

    Args:
        handle: a URL, a path or a ModuleSpec of a TF1 module; or a URL or a path of a TF2 SavedModel, which
            `tf.saved_model.load` then loads. Variables of a ModuleSpec without a checkpoint start from their
            initializers; random values follow `tf.random.set_seed`.
        tags: the graph variant. None takes the inference variant, and `{"train"}` for calls with
            `training=True` if the module has it. The empty set takes the inference variant for all calls,
            like `tf1hub.Module` without tags; it can be trained too.
        trainable: the variables of a TF1 module that optimizers see: those that the publisher marked (True),
            none (False), those of the marked ones whose names a predicate accepts, or those in a list of
            names of variables or scopes. A SavedModel's variables stay as they were saved.
        options: of loading. `experimental_io_device` and `experimental_skip_checkpoint` work for TF1 modules
            too; the latter takes the values of the module's own initializers. The loader of TF2 SavedModels
            gets all options.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything. A SavedModel is
            refused as a whole, because TensorFlow may run any of it.

    Returns:
        A `LoadedModule` for a TF1 module. For a SavedModel, the result of `tf.saved_model.load`.

    Raises:
        ResolveError: the module could not be obtained.
        FormatError: it is damaged.
        UnknownTagsError: no variant has these tags.
        UnknownNameError: `trainable` names what is not there.
        InputError: `trainable` chooses nothing, or among the variables of a SavedModel.
        UnsupportedGraphError: the graph uses what cannot be traced again; the message lists all of it.
        WrongModeError: this process was forked from one that uses TensorFlow.
        TrustError: what it starts with does what nobody allowed; a signature that does is refused where it is called.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     a = tf.compat.v1.get_variable("a", initializer=0.5)
        ...     hub.add_signature(inputs=x, outputs=a * x + 2.0)
        >>> module = hub.load(hub.create_module_spec(module_fn))
        >>> module([1.0, 2.0]).numpy().tolist()
        [2.5, 3.0]
        >>> [variable.name for variable in module.trainable_variables]
        ['a:0']
    """
    trainable = check_choice(trainable)
    if isinstance(handle, ModuleSpec):
        return load_spec(handle.trusting(trust), tags, trainable, options)
    path = local_directory(handle_text(handle))
    if is_saved_model(path):
        if trainable is not True:
            raise InputError(_CHOSEN.format(path=path))
        return load_saved_model(path, tags, options, trust)
    spec = ModuleSpec.from_stored(read_module(path)).trusting(trust)
    return load_spec(spec, tags, trainable, options)


def is_saved_model(path: str) -> bool:
    """Whether a directory, perhaps of remote storage, holds a SavedModel that is no TF1 module."""
    return not is_module(path) and tf.saved_model.contains_saved_model(path)


def load_saved_model(
    path: str,
    tags: Tags = None,
    options: tf.saved_model.LoadOptions | None = None,
    trust: Trust = None,
) -> Any:
    """What TensorFlow gives for a SavedModel.

    Raises:
        TrustError: it does what nobody allowed.
    """
    storage, trusted = place_at(path), permission(trust)
    if storage.exists(FILE_NAME):
        for graph in parse_saved_model(storage.read(FILE_NAME), storage.path(FILE_NAME)).meta_graphs:
            check_all(Variant(graph, path, trusted))
    return tf.saved_model.load(path, tags=None if tags is None else sorted(tag_set(tags)), options=options)


def load_spec(
    spec: ModuleSpec,
    tags: Tags = None,
    trainable: Trainable = True,
    options: tf.saved_model.LoadOptions | None = None,
) -> LoadedModule:
    """Loads a TF1 module from its definition; see `load`."""
    variants = _check_variants(spec, tags)
    options = options or tf.saved_model.LoadOptions()
    skips = options.experimental_skip_checkpoint
    check_state(spec.with_values(None) if skips else spec, variants)
    with tf.init_scope(), variables_of_the_program():
        with building(variants[0]):
            values = values_of(
                spec,
                list(dict.fromkeys(variants)),
                options.experimental_io_device,
                options.experimental_skip_checkpoint,
            )
        module = LoadedModule.build(spec, variants, trainable, values)
        if not tf.executing_eagerly():
            initialize_in_graph(module.callables, values)
    _keep_with_function(module)
    return module


def load_to_save(spec: ModuleSpec, tags: Tags, trainable: Trainable) -> LoadedModule | None:
    """Loads a TF1 module whose functions are traced and saved, and not run: its variables have no values.

    Args:
        spec: the definition.
        tags: the graph variant.
        trainable: the variables that optimizers will see.

    Returns:
        The module; None where only one with values can be saved.

    Raises:
        CheckpointError: its variables are not what is stored.
    """
    variants = _check_variants(spec, tags)
    distinct = list(dict.fromkeys(variants))
    if not can_stay_stored(spec, distinct):
        return None
    check_state(spec, variants)
    with tf.init_scope(), variables_of_the_program(), building(variants[0]):
        return LoadedModule.build(spec, variants, trainable, stored_types(spec, distinct))


def _check_variants(spec: ModuleSpec, tags: Tags) -> tuple[Variant, Variant]:
    """The variants for inference and for training, if they can be loaded here."""
    check_threads()
    variants = choose_variants(spec, tags)
    with building(variants[0]):
        check_supported(variants, THIS_TENSORFLOW)
    return variants


def _keep_with_function(module: LoadedModule) -> None:
    """Lets a module live as long as the function that is being traced, which holds what it calls by handles alone."""
    graph = tf.compat.v1.get_default_graph()
    outermost = None
    while getattr(graph, "building_function", False):
        outermost, graph = graph, graph.outer_graph
    if outermost is not None:
        kept: list[LoadedModule] = keep_with(outermost, "loaded", list)
        kept.append(module)


def restored(spec: ModuleSpec, state: LoadedState) -> LoadedModule:
    """What pickles of version 0, which said none, name as the function that reads them."""
    return LoadedModule.restore(0, spec, state)


def local_directory(handle: str) -> str:
    """The directory of a module or SavedModel.

    Raises:
        ResolveError: the module could not be obtained.
    """
    if os.path.isdir(handle):
        return handle
    from tf1hub.handles import resolve

    return os.fspath(resolve(handle))
