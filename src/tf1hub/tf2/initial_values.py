"""The values that a module's variables start from where there is no checkpoint: their own initializers'."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf1hub._tensorflow import plain_variable
from tf1hub.errors import UnsupportedGraphError, WrongModeError
from tf1hub.format.checkpoint import read_checkpoint
from tf1hub.graph import Module
from tf1hub.graph.session_export import variable_pairs
from tf1hub.graphdef.variable_defs import StoredVariable, by_name
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.variant import Variant
from tf1hub.tf2.emit import Trace, run
from tf1hub.tf2.values import array_values, checkpoint_values
from tf1hub.tf2.variables import Values, declared_variables
from tf1hub.tf2.variant_state import Resources, VariantState


def initial_values(handle: ModuleSpec | str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """The values that a module's variables start from; no session is needed.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     table = tf.compat.v1.get_variable("table", [2, 2])
        ...     scale = tf.compat.v1.get_variable("scale", initializer=0.5)
        ...     hub.add_signature(outputs=table * scale)
        >>> spec = hub.create_module_spec(module_fn)
        >>> pretrained = {"table": [[1.0, 2.0], [3.0, 4.0]]}
        >>> spec.export("module", values={**hub.initial_values(spec), **pretrained})
        >>> hub.load("module")().numpy().tolist()
        [[0.5, 1.0], [1.5, 2.0]]

    Args:
        handle: a ModuleSpec or a handle.

    Returns:
        The values by the variables' names; of a partitioned variable the whole. They are those of the
        module's checkpoint where it has one, else what its initializers give, run anew at each call. Their
        random values follow `tf.random.set_seed`.

    Raises:
        UnsupportedGraphError: initializers use what cannot be traced again, or wait for each other.
        WrongModeError: eager execution is off.
    """
    spec = load_module_spec(handle)
    if spec.checkpoint is not None:
        stored = read_checkpoint(spec.checkpoint)
        return {name: stored[name] for name in by_name(declared_variables(spec.variants()).values())}
    if not tf.executing_eagerly():
        raise WrongModeError(
            "tf1hub.initial_values needs eager execution, which is off here (tf.compat.v1.disable_eager_execution, "
            "or inside a tf.Graph or tf.function). Call it outside."
        )
    return run_initializers(spec.variants(), spec.asset_paths)


def values_of(
    spec: ModuleSpec,
    variants: Sequence[Variant],
    io_device: str | None = None,
    skip_checkpoint: bool = False,
) -> Values:
    """Where the values of a definition's variables come from.

    Args:
        spec: the definition.
        variants: whose initializers run where there is no checkpoint.
        io_device: the device that reads the checkpoint; None for the one that is current.
        skip_checkpoint: whether to run the initializers although there is one.

    Raises:
        UnsupportedGraphError: initializers wait for each other.
    """
    if spec.checkpoint is None or skip_checkpoint:
        if tf.executing_eagerly():
            return array_values(run_initializers(variants, spec.asset_paths), spec.name)
        return array_values(_run_initializers_in_session(spec, variants), spec.name)
    return checkpoint_values(spec.checkpoint, spec.name, io_device)


def _run_initializers_in_session(
    spec: ModuleSpec, variants: Sequence[Variant]
) -> dict[str, npt.NDArray[Any]]:
    """Runs the initializers of all variables where there is no eager execution; as `run_initializers`."""
    bare = spec.with_values(None)
    values: dict[str, npt.NDArray[Any]] = {}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        modules = {variant: Module(bare, tags=variant.tags) for variant in variants}
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        for variant, module in modules.items():
            for stored, variable in variable_pairs(variant, module.variable_map):
                if stored.slice is not None or stored.name not in values:
                    _keep(values, stored, session.run(variable))
    return values


def run_initializers(
    variants: Sequence[Variant], asset_paths: Mapping[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """Runs the initializers of all variables, without a session.

    Args:
        variants: that share the variables.
        asset_paths: where each asset lies, by file name; an initializer may read one.

    Returns:
        The values by name in the module; of a partitioned variable the whole.

    Raises:
        UnsupportedGraphError: initializers wait for each other.
    """
    waiting = dict(declared_variables(variants))
    variables: dict[str, tf.Variable] = {}
    resources = Resources(variables, asset_paths)
    values: dict[str, npt.NDArray[Any]] = {}
    while waiting:
        batch = {
            node: stored for node, stored in waiting.items() if not _needs(variants, stored) & waiting.keys()
        }
        if not batch:
            raise UnsupportedGraphError(
                f"The initializers of these variables need each other: {', '.join(waiting)}."
            )
        for variant in variants:
            mine = {node: batch[node] for node in batch if node in variant.nodes and node not in variables}
            if mine:
                for node, value in _run(VariantState(variant, resources), mine).items():
                    variables[node] = plain_variable(value)
                    _keep(values, mine[node], value.numpy())
        for node in batch:
            del waiting[node]
    return values


def _needs(variants: Sequence[Variant], stored: StoredVariable) -> set[str]:
    variant = next(variant for variant in variants if stored.node in variant.nodes)
    if not stored.definition.initial_value_name:
        raise UnsupportedGraphError(
            f"The variable {stored.name!r} of {variant.where} has no initializer, and there is no checkpoint. "
            "Give its value: spec.export(path, values={...}) or spec.export(path, checkpoint_path=...)."
        )
    return ancestors(variant.nodes, [stored.definition.initial_value_name]) - {stored.node}


def _run(state: VariantState, batch: Mapping[str, StoredVariable]) -> dict[str, Any]:
    program = state.program([stored.definition.initial_value_name for stored in batch.values()])
    function = tf.function(lambda: run(Trace(state, seeded=True), program, {}), autograph=False)
    # Called as a tf.function, it would be taken for one that is traced over and over.
    values = function.get_concrete_function()()
    return dict(zip(batch, values, strict=True))


def _keep(values: dict[str, npt.NDArray[Any]], stored: StoredVariable, value: npt.NDArray[Any]) -> None:
    if stored.slice is None:
        values[stored.name] = value
        return
    whole = values.setdefault(stored.name, np.zeros(stored.slice.full_shape, value.dtype))
    whole[stored.slice.cut] = value
