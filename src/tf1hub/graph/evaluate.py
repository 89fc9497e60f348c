"""hub.eval_function_for_module: a module as a Python function from arrays to arrays."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.errors import InputError
from tf1hub.graph.building import initializing, reason
from tf1hub.graph.inputs import convert_inputs
from tf1hub.graph.module import Module
from tf1hub.graph.session_export import variable_pairs
from tf1hub.spec.input_words import check_names
from tf1hub.spec.module_spec import ModuleSpec, Tags, load_module_spec
from tf1hub.spec.permission import Trust
from tf1hub.spec.variant import DEFAULT_SIGNATURE


@contextlib.contextmanager
def eval_function_for_module(
    spec: ModuleSpec | str | os.PathLike[str], tags: Tags = None, *, trust: Trust = None
) -> Iterator[Callable[..., Any]]:
    """A context in which a module is a Python function.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None])
        ...     hub.add_signature(inputs=x, outputs=x / 2)
        >>> with hub.eval_function_for_module(hub.create_module_spec(module_fn)) as f:
        ...     print(f([1.0, 4.0]))
        [0.5 2. ]

    Args:
        spec: a handle, or a ModuleSpec.
        tags: the graph variant; None is the inference variant.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Yields:
        A function `f(inputs=None, signature=None, as_dict=None)`, as `Module.__call__` but from and
        to NumPy arrays (SparseTensorValues and RaggedTensorValues where the signature has such).
        Each signature and form of result is built once, so repeated calls do not grow the graph.

    Raises:
        Error: as `Module`; or its variables and tables cannot be initialized from its files.
    """
    with evaluating(load_module_spec(spec, trust=trust), tags) as evaluate:
        yield evaluate


@contextlib.contextmanager
def evaluating(
    spec: ModuleSpec | str | os.PathLike[str],
    tags: Tags = None,
    config: Any = None,
    restored: Collection[str] = (),
) -> Iterator[Callable[..., Any]]:
    """The same, with a configuration of the session; `restored` as for `evaluating_variants`."""
    with evaluating_variants(spec, config, restored) as open_variant:
        yield open_variant(tags)


@contextlib.contextmanager
def evaluating_variants(
    spec: ModuleSpec | str | os.PathLike[str], config: Any = None, restored: Collection[str] = ()
) -> Iterator[Callable[[Tags], Callable[..., Any]]]:
    """A context with a function from tags to the variant as a Python function. All of them are over one state.

    Args:
        spec: a handle, or a ModuleSpec.
        config: of the session.
        restored: the nodes of variables that start over after each call.

    Raises:
        UnsupportedGraphError: by the function, of a variant that cannot share the state of the first.
    """
    graph, modules = tf.Graph(), list[Module]()
    session = tf.compat.v1.Session(graph=graph, config=config)

    def open_variant(tags: Tags) -> Callable[..., Any]:
        with graph.as_default():
            there = {name for step in _initializers() for name in step}
            module = Module(modules[0] if modules else spec, tags=tags)
            # What is there has values, which are not read again.
            with initializing(module.where):
                for step in _initializers():
                    added = [found for name, found in step.items() if name not in there]
                    if added:
                        session.run(added)
            modules.append(module)
            variables = []
            if restored:
                pairs = variable_pairs(load_module_spec(spec).variant(tags), module.variable_map)
                variables = [variable for stored, variable in pairs if stored.node in restored]
        return _function_of(module, session, _starter(variables, session))

    with graph.as_default(), session:
        yield open_variant


def _initializers() -> tuple[dict[str, Any], dict[str, Any]]:
    """What gives the variables of the default graph their values, and what then fills its tables, by name.

    A table may be filled from a variable.
    """
    variables = [variable.initializer for variable in tf.compat.v1.global_variables()]
    tables = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS)
    return {found.name: found for found in variables}, {found.name: found for found in tables}


def _starter(variables: Sequence[Any], session: Any) -> Callable[[], None]:
    """Gives variables the values again that they have in a session now."""
    initializers = [variable.initializer for variable in variables]
    # Fed, because to initialize one of them from a checkpoint reads all of it.
    values = [initializer.inputs[1] for initializer in initializers]
    feeds = dict(zip(values, session.run(list(variables)), strict=True)) if variables else {}

    def start_over() -> None:
        if initializers:
            session.run(initializers, feeds)

    return start_over


def _function_of(module: Module, session: Any, start_over: Callable[[], None]) -> Callable[..., Any]:
    """A module as a Python function, in a session that has values for it; `start_over` is called behind each call."""
    calls: dict[tuple[str | None, bool], tuple[Any, Any]] = {}

    def evaluate(
        inputs: Any = None,
        _sentinel: None = None,
        signature: str | None = None,
        as_dict: bool | None = None,
    ) -> Any:
        key = (signature, bool(as_dict))
        with session.graph.as_default():
            if key not in calls:
                calls[key] = _build(module, signature, as_dict)
            feeds, outputs = calls[key]
            infos = module.get_input_info_dict(signature)
            given = check_names(inputs, infos, signature or DEFAULT_SIGNATURE, module.where)
            try:
                return session.run(outputs, {feeds[name]: value for name, value in given.items()})
            except UnicodeDecodeError as error:
                what = f"The signature {signature or DEFAULT_SIGNATURE!r} of {module.where}"
                raise InputError(f"{what} cannot compute with what it is given: {reason(error)}") from error
            except (TypeError, ValueError):
                # What a session says of a feed names a placeholder that nobody knows.
                with tf.Graph().as_default():
                    convert_inputs(given, infos, signature or DEFAULT_SIGNATURE, module.where)
                raise
            finally:
                start_over()

    return evaluate


def _build(module: Module, signature: str | None, as_dict: bool | None) -> tuple[dict[str, Any], Any]:
    feeds = {name: _placeholder(info) for name, info in module.get_input_info_dict(signature).items()}
    return feeds, module(feeds, signature=signature, as_dict=as_dict)


def _placeholder(info: Any) -> Any:
    if info.is_sparse:
        return tf.compat.v1.sparse_placeholder(
            info.dtype, info.get_shape().as_list() if info.get_shape().rank else None
        )
    if info.is_composite:
        parts = [
            tf.compat.v1.placeholder(spec.dtype, spec.shape)
            for spec in tf.nest.flatten(info.type_spec, expand_composites=True)
        ]
        return tf.nest.pack_sequence_as(info.type_spec, parts, expand_composites=True)
    return tf.compat.v1.placeholder(info.dtype, info.get_shape())
