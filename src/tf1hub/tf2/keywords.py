"""The inputs of signatures as parameters of ConcreteFunctions."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

_TAKEN = frozenset({"self", *keyword.kwlist})
"""No function can be given these by keyword; TensorFlow's own methods have a `self`."""


def keywords(names: Iterable[str]) -> dict[str, str]:
    """The parameter that stands for each of some inputs.

    TensorFlow itself makes parameters of names, so that an input `a-b` can be given as `**{"a-b": x}`. These
    are the same, for TensorFlow leaves them as they are; but no two inputs share one, and each can be saved.

    Example:
        >>> keywords(["images", "a-b", "a_b", "0", "self"])
        {'a_b': 'a_b', 'images': 'images', '0': 'arg_0', 'a-b': 'a_b_', 'self': 'self_'}
    """
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (_parameter(name) != name, name)):
        parameter = _parameter(name)
        while parameter in found.values():
            parameter += "_"
        found[name] = parameter
    return found


def _parameter(name: str) -> str:
    word = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    if not word[:1].isalpha():
        word = f"arg_{word}"
    return f"{word}_" if word in _TAKEN else word


def by_keyword(function: Callable[[dict[str, Any]], Mapping[str, Any]], specs: Mapping[str, Any]) -> Any:
    """A ConcreteFunction from inputs by keyword to the dict of outputs, as `tf.saved_model.load` gives it.

    The only input may be given without its name, and arrays in place of tensors.

    Args:
        function: from a dict of inputs.
        specs: the type of each input.
    """
    parameters = keywords(specs)
    names = sorted(specs, key=parameters.__getitem__)  # as TensorFlow flattens a dict of them

    def call(*values: Any) -> dict[str, Any]:
        return dict(function(dict(zip(names, values, strict=True))))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # which `tf.function` asks for
        [inspect.Parameter(parameters[name], kind) for name in names]
    )
    types = {parameters[name]: _name_of(specs[name], parameters[name]) for name in names}
    with tf.init_scope():
        concrete = tf.function(call, autograph=False).get_concrete_function(*types.values())
    concrete.graph.structured_input_signature = (), types
    return concrete


def _name_of(spec: Any, name: str) -> Any:
    return tf.TensorSpec(spec.shape, spec.dtype, name=name) if isinstance(spec, tf.TensorSpec) else spec
