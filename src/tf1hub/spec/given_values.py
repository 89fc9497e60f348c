"""Values of variables that a publisher gives by hand: do they fit, and writing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tf1hub.errors import ArgumentError, ExportError
from tf1hub.format import dtypes
from tf1hub.format.checkpoint import CheckpointWriter
from tf1hub.graphdef.variable_defs import StoredVariable, by_name
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.variant import Variant

if TYPE_CHECKING:
    import numpy.typing as npt

Values: TypeAlias = Mapping[str, Any] | Iterable[Any]
"""Arrays by name, or variables of TensorFlow 2, which know their names."""


class GivenValues:
    """Values by the names that the module has for its variables.

    Args:
        values: arrays, or what NumPy makes one of, by name; or `tf.Variable`s. A partitioned variable is
            given whole under its name, or part by part under the names of its parts.
        variants: the module's.
        module: the module in words, for messages.
    """

    def __init__(self, values: Values, variants: Iterable[Variant], module: str) -> None:
        named: Iterable[tuple[str, Any]]
        if isinstance(values, Mapping):
            named = values.items()
        elif not isinstance(values, Iterable):
            raise ArgumentError(
                f"values= is a dict of arrays by the names of variables, or a list of variables, not {values!r}."
            )
        else:
            variables: Iterable[Any] = values
            named = [(variable.name, variable) for variable in variables]
        # Variables of TensorFlow 2 are called "w:0".
        self._values = {str(name).removesuffix(":0"): value for name, value in named}
        self._module = module
        self._types: dict[str, tuple[int | None, tuple[int, ...] | None]] = {}
        parts: dict[str, StoredVariable] = {}
        for variant in variants:
            for variable in variant.variables:
                parts.setdefault(variable.node, variable)
                self._types.setdefault(variable.name, declared_type(variant, variable))
        self._variables = by_name(parts.values())

    @property
    def names(self) -> set[str]:
        """The variables that have a value."""
        return {
            name
            for name, parts in self._variables.items()
            if name in self._values or all(part.node in self._values for part in parts)
        }

    def check(self, elsewhere: Collection[str] = ()) -> None:
        """Checks names, dtypes and shapes of all values at once.

        Args:
            elsewhere: variables whose values come from another place where they are not given.

        Raises:
            ExportError: a value is missing, or not the module's, or has another dtype or shape; all are
                named.
        """
        faults = [*self._missing(elsewhere), *self._unknown(), *self._wrong_types()]
        if faults:
            listed = "".join(f"\n  {fault}" for fault in faults)
            raise ExportError(f"Cannot export {self._module}: the values that were given do not fit:{listed}")

    def write(self, writer: CheckpointWriter, name: str) -> None:
        """Writes one variable."""
        if name in self._values:
            writer.add(name, self._array(name, name))
            return
        for part in self._variables[name]:
            assert part.slice is not None
            writer.add_slice(name, part.slice.full_shape, part.slice.offset, self._array(part.node, name))

    def _missing(self, elsewhere: Collection[str]) -> Iterator[str]:
        for name in sorted(self._variables.keys() - self.names - set(elsewhere)):
            yield f"{name}: no value was given"

    def _unknown(self) -> Iterator[str]:
        known = {part.node for parts in self._variables.values() for part in parts} | self._variables.keys()
        for name in sorted(self._values.keys() - known):
            yield f"{name}: the module has no such variable"

    def _wrong_types(self) -> Iterator[str]:
        for name, (dtype, shape) in sorted(self._types.items()):
            for key, expected in self._find_given(name, shape):
                try:
                    array = self._array(key, name)
                except (TypeError, ValueError) as error:
                    yield f"{key}: no array can be made of what was given ({error})"
                    continue
                given = dtypes.number_of_numpy(array.dtype)
                if dtype is not None and given != dtype:
                    yield f"{key}: {dtypes.name_of(given)} was given, {dtypes.name_of(dtype)} in the module"
                elif expected is not None and array.shape != expected:
                    yield f"{key}: shape {list(array.shape)} was given, {list(expected)} in the module"

    def _find_given(
        self, name: str, shape: tuple[int, ...] | None
    ) -> Iterator[tuple[str, tuple[int, ...] | None]]:
        if name in self._values:
            yield name, shape
            return
        for part in self._variables[name]:
            if part.node in self._values and part.slice is not None:
                yield part.node, part.slice.shape

    def _array(self, key: str, name: str) -> npt.NDArray[Any]:
        import numpy as np

        value = self._values[key]
        # A tensor or variable of TensorFlow 2, without importing that here.
        value = value.numpy() if hasattr(value, "numpy") else value
        if hasattr(value, "dtype"):
            return np.asarray(value)
        # Numbers and lists of them have no dtype of their own.
        number = self._types[name][0]
        return np.asarray(value, None if number is None else dtypes.numpy_dtype(number))
