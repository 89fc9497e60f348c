"""Which function computes which op types: the table that NumPy, JAX and all that folds constants share.

A function of the table is written once against NumPy's array API. It gets the namespace to compute in (`numpy` or
`jax.numpy`), the op's attributes as plain Python values, and its inputs, and returns the list of its outputs:

    @computes("Square")
    def square(xp, attributes, x):
        return [x * x]

The semantics are those of TensorFlow's op definition, for all attributes; outputs have the dtype that it says. Where
no input is traced, the namespace is NumPy's: what is known while tracing stays known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

KernelFunction: TypeAlias = Callable[..., Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What computes an op.

    Attributes:
        function: called as `form` says.
        form: `"computes"`: `function(xp, attributes, *inputs)`; `"draws"`: `function(xp, attributes, random, *inputs)`
            with the run's source of random numbers; `"performs"`: `function(run, step, *inputs)`, with all that the
            run has: variables, tables, functions.
        host: whether it needs all inputs as NumPy arrays: strings, and what decides the shape of its outputs.
        known: the numbers of the inputs that it needs as NumPy arrays, although others may be traced: axes, shapes.
    """

    function: KernelFunction
    form: str
    host: bool = False
    known: tuple[int, ...] = ()


FUNCTION_NAME = "the name of a function"
"""Stands for all op types that are no ops: old graphs call a function by using its name as one."""

_KERNELS: dict[str, Kernel] = {}


def _registering(
    form: str, op_types: Sequence[str], host: bool, known: tuple[int, ...]
) -> Callable[[KernelFunction], KernelFunction]:
    def register(function: KernelFunction) -> KernelFunction:
        for op in op_types:
            assert op not in _KERNELS, op
            _KERNELS[op] = Kernel(function, form, host, known)
        return function

    return register


def computes(
    *op_types: str, host: bool = False, known: tuple[int, ...] = ()
) -> Callable[[KernelFunction], KernelFunction]:
    """Says that a function computes these op types from their inputs alone; see `Kernel`."""
    return _registering("computes", op_types, host, known)


def draws(*op_types: str, known: tuple[int, ...] = ()) -> Callable[[KernelFunction], KernelFunction]:
    """Says that a function draws random numbers for these op types; see `Kernel`."""
    return _registering("draws", op_types, False, known)


def performs(*op_types: str, host: bool = False) -> Callable[[KernelFunction], KernelFunction]:
    """Says that a function performs these op types, with the run's variables, tables or functions; see `Kernel`."""
    return _registering("performs", op_types, host, ())


def kernels_by_op() -> Mapping[str, Kernel]:
    """What has registered itself so far; `kernels` has all."""
    return _KERNELS
