"""Calls what `to="stablehlo"` wrote. Only `jax` and `safetensors` are needed, and this is all that it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any


def load(directory: str) -> dict[str, Callable[..., Any]]:
    """Each signature as a function of its inputs by name (and of a key, where it draws random numbers).

    Args:
        directory: what `tf1hub.convert(..., to="stablehlo")` wrote.
    """
    import jax
    from jax import export
    from safetensors.numpy import load_file

    with open(os.path.join(directory, "signatures.json"), encoding="utf-8") as file:
        signatures = json.load(file)["signatures"]
    weights = load_file(os.path.join(directory, "weights.safetensors"))

    def function(told: Any) -> Callable[..., Any]:
        with open(os.path.join(directory, told["file"]), "rb") as file:
            exported = export.deserialize(bytearray(file.read()))
        own = {name: weights[name] for name in told["weights"]}
        types = told["inputs"]

        def call(inputs: Any, key: Any = None) -> Any:
            given = {name: cast_inputs(value, types[name]) for name, value in inputs.items()}
            more = (
                [jax.random.key_data(key if key is not None else jax.random.key(0))] if told["draws"] else []
            )
            found = exported.call(own, given, *more)
            return found[0] if told["writes"] else found

        return call

    return {name: function(told) for name, told in signatures.items()}


def open_calls(directory: str) -> Callable[[str, Any], Any]:
    """All signatures as one function: of a signature's name and its inputs, to outputs as NumPy arrays."""
    import jax
    import numpy as np

    calls = load(directory)
    return lambda signature, inputs: jax.tree.map(np.asarray, calls[signature](inputs))


def cast_inputs(value: Any, told: Any) -> Any:
    """An input, or the parts of a sparse one, in the dtypes that the program takes."""
    if isinstance(told, list):
        return [cast_inputs(part, each) for part, each in zip(value, told, strict=True)]
    return value.astype(told["dtype"])
