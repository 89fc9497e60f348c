"""How the families are written: a function gets its inputs, and a `Call` that says which op it stands for and how.

    @op("Max", "Min")
    def extreme(call, x, axes):
        return getattr(call.xp, call.kind.lower())(x, axis=tuple(axes))

A function returns its output, or a tuple of them. What decides the shape of an output has to be known while JAX
traces; `known` and `host` say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import KernelFunction, computes, draws


class Call:
    """One op that is to be computed.

    Attributes:
        kind: the op type.
        xp: the array namespace, `numpy` or `jax.numpy`.
        attributes: the attributes, in plain values.
        random: the source of random numbers, for ops that draw.
    """

    __slots__ = ("attributes", "kind", "random", "xp")

    def __init__(self, kind: str, xp: Any, attributes: Attributes, random: Any = None) -> None:
        self.kind = kind
        self.xp = xp
        self.attributes = attributes
        self.random = random

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute that not all versions of the op have."""
        return self.attributes.get(name, default)

    def dtype(self, name: str) -> Any:
        """A dtype that an attribute names, as the namespace has it: JAX without `jax_enable_x64` has narrower ones."""
        dtype = np.dtype(self.attributes[name])
        if self.xp is np:
            return dtype
        import jax

        return jax.dtypes.canonicalize_dtype(dtype)

    def refusal(self, why: str) -> ValueError:
        """The error for what cannot be traced."""
        return ValueError(f"{why}; JAX needs to know it")


Computation = Callable[..., Any]


def op(
    *kinds: str, known: Sequence[int] = (), host: bool = False, random: bool = False
) -> Callable[[Computation], Computation]:
    """Says that a function computes these op types.

    Args:
        *kinds: the op types.
        known: the numbers of the inputs that have to be NumPy arrays, although others are traced.
        host: whether all of them have to be, because they decide the shape of the result.
        random: whether it draws random numbers.
    """

    def register(function: Computation) -> Computation:
        for kind in kinds:
            if random:
                draws(kind, known=tuple(known))(_drawing(kind, function))
            else:
                computes(kind, host=host, known=tuple(known))(_computing(kind, function))
        return function

    return register


def _computing(kind: str, function: Computation) -> KernelFunction:
    def compute(xp: Any, attributes: Attributes, *inputs: Any) -> Sequence[Any]:
        found = function(Call(kind, xp, attributes), *inputs)
        return found if isinstance(found, tuple) else (found,)

    return compute


def _drawing(kind: str, function: Computation) -> KernelFunction:
    def draw(xp: Any, attributes: Attributes, random: Any, *inputs: Any) -> Sequence[Any]:
        found = function(Call(kind, xp, attributes, random), *inputs)
        return found if isinstance(found, tuple) else (found,)

    return draw
