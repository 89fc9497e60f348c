"""hub.add_signature: names the inputs and outputs of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import CreationError
from tf1hub.publish.recording import recording


def add_signature(name: str | None = None, inputs: Any = None, outputs: Any = None) -> None:
    """Adds a signature to the module that a `module_fn` defines.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 3])
        ...     hub.add_signature(inputs=x, outputs={"default": 2 * x, "sum": tf.reduce_sum(x, 1)})
        >>> hub.create_module_spec(module_fn).get_output_info_dict()
        {'default': <float32 [?, 3]>, 'sum': <float32 [?]>}

    Args:
        name: the signature's name; None is `"default"`.
        inputs: a tensor (named `"default"`), a dict from names to tensors, or None for no inputs.
            Usually placeholders; SparseTensors and RaggedTensors of placeholders too.
        outputs: a tensor (named `"default"`), or a dict from names to tensors, SparseTensors or
            RaggedTensors.

    Raises:
        CreationError: there is a signature of this name already, there is no output, or something
            given is no tensor of this graph.
        WrongModeError: called in eager mode.
    """
    signature = "default" if name is None else name
    signatures = recording("add_signature").signatures
    if not isinstance(signature, str) or not signature:
        raise CreationError(f"A signature's name is a non-empty string, not {name!r}.")
    if signature in signatures:
        raise CreationError(f"There is a signature {signature!r} already. Each name is added once.")
    named_inputs = _by_name(inputs, "input", signature)
    named_outputs = _by_name(outputs, "output", signature)
    if not named_outputs:
        raise CreationError(
            f"The signature {signature!r} has no outputs. It needs a tensor, or a dict of tensors."
        )
    _check_distinct(named_inputs, signature)
    signatures[signature] = (named_inputs, named_outputs)


def components(value: Any) -> list[Any]:
    """The dense tensors of a tensor, SparseTensor or RaggedTensor."""
    return list(tf.nest.flatten(value, expand_composites=True))


def _by_name(values: Any, kind: str, signature: str) -> dict[str, Any]:
    if values is None:
        return {}
    named = dict(values) if isinstance(values, Mapping) else {"default": values}
    for name, value in named.items():
        if not isinstance(name, str):
            raise CreationError(
                f"The {kind}s of the signature {signature!r} are named by strings, not {name!r}."
            )
        named[name] = _as_tensor(value, f"{kind} {name!r} of the signature {signature!r}")
    return named


def _as_tensor(value: Any, what: str) -> Any:
    if not isinstance(value, tf.Tensor | tf.SparseTensor | tf.RaggedTensor):
        # Variables and the like have a tensor; numbers and arrays would be constants, a mistake.
        if not isinstance(value, tf.Variable):
            raise CreationError(
                f"The {what} is {value!r}; it must be a tensor, SparseTensor or RaggedTensor."
            )
        value = tf.convert_to_tensor(value)
    graph = tf.compat.v1.get_default_graph()
    if any(tensor.graph is not graph for tensor in components(value)):
        raise CreationError(f"The {what} is a tensor of another graph than the module's.")
    return value


def _check_distinct(inputs: dict[str, Any], signature: str) -> None:
    owners: dict[str, str] = {}
    for name, value in inputs.items():
        for tensor in components(value):
            if tensor.name in owners:
                raise CreationError(
                    f"The inputs {owners[tensor.name]!r} and {name!r} of the signature {signature!r} are the "
                    f"same tensor {tensor.name!r}. Each input needs its own placeholder."
                )
            owners[tensor.name] = name
