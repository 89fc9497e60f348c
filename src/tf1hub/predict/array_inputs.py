"""What a caller gives as the arrays that a signature wants, and its outputs back. No TensorFlow is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.errors import InputError
from tf1hub.format import dtypes
from tf1hub.format.tensor_names import tensor_name
from tf1hub.spec.composite_arrays import RaggedArray, SparseArray
from tf1hub.spec.input_words import check_names, wrong_input
from tf1hub.spec.tensor_info import ParsedTensorInfo

Array = npt.NDArray[Any]
_DENSE = (np.ndarray, tuple, list)
_BYTES = frozenset({bytes})


class ArrayInterface:
    """The inputs and outputs of a signature as arrays.

    Args:
        inputs: of the signature.
        outputs: of the signature.
        signature: its name.
        where: the variant in words, for messages.
    """

    def __init__(
        self,
        inputs: Mapping[str, ParsedTensorInfo],
        outputs: Mapping[str, ParsedTensorInfo],
        signature: str,
        where: str,
    ) -> None:
        self._inputs = inputs
        self._outputs = outputs
        self._signature = signature
        self._where = where
        self._tensors = {name: [*map(tensor_name, info.tensor_names)] for name, info in inputs.items()}
        self._made = {name: [*map(tensor_name, info.tensor_names)] for name, info in outputs.items()}
        self._dtypes = {
            name: None if info.is_composite else dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
            for name, info in inputs.items()
        }
        self._dense = {name: None if inputs[name].is_sparse else each for name, each in self._dtypes.items()}
        self._open_ranks = {
            name: len(info.shape)
            for name, info in inputs.items()
            if info.shape is not None and set(info.shape) <= {None}
        }

    def arrays(self, given: Any) -> dict[str, Array]:
        """The arrays behind what a caller gives, by the names of their tensors.

        Raises:
            InputError: an input is missing, extra, or of another type or shape.
        """
        named = self.name_inputs(given)
        return self.feeds({name: self.value(name, named[name]) for name in self._inputs})

    def name_inputs(self, given: Any) -> dict[str, Any]:
        """What a caller gives as a dict that has exactly the names of the inputs.

        Raises:
            InputError: an input is missing or extra.
        """
        return check_names(given, self._inputs, self._signature, self._where)

    def value(self, name: str, given: Any) -> Any:
        """One input as the signature takes it: an array, a SparseArray or a RaggedArray.

        Raises:
            InputError: it is of another type or shape.
        """
        info, dense = self._inputs[name], self._dense[name]
        # A program that makes many calls gives arrays that fit.
        if (
            dense is not None
            and type(given) is np.ndarray
            and given.dtype == dense
            and (given.ndim == self._open_ranks.get(name) or fits_shape(given.shape, info.shape))
            and (not given.dtype.hasobject or _has_bytes_alone(given))
        ):
            return given
        try:
            parts = self._parts(given, name, info)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._wrong(name, f"{_show(given)} ({error})") from error
        if parts is None:
            raise self._wrong(name, _show(given))
        if info.is_composite:
            return RaggedArray(parts[0], tuple(parts[1:]))
        return SparseArray(*parts) if info.is_sparse else parts[0]

    def feeds(self, values: Mapping[str, Any]) -> dict[str, Array]:
        """The arrays behind inputs that `value` gave, by the names of their tensors."""
        feeds: dict[str, Array] = {}
        for name, value in values.items():
            tensors = self._tensors[name]
            if type(value) is np.ndarray and len(tensors) == 1:
                feeds[tensors[0]] = value
            else:
                feeds.update(zip(tensors, _components(value), strict=True))
        return feeds

    def results(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by their names, for the values of their tensors: arrays, SparseArrays, RaggedArrays."""
        return {
            name: _assemble(info, [values[tensor] for tensor in self._made[name]])
            for name, info in self._outputs.items()
        }

    def _wrong(self, name: str, given: str) -> InputError:
        return InputError(wrong_input(name, self._inputs[name], self._signature, self._where, given))

    def _parts(self, value: Any, name: str, info: ParsedTensorInfo) -> Sequence[Array] | None:
        """The arrays behind one input; None where it is another kind of value, or of another type or shape."""
        dtype = self._dtypes[name]
        if info.is_composite:
            return _ragged_parts(value, len(info.tensor_names))
        if info.is_sparse:
            sparse = _as_sparse(value)
            if sparse is None:
                return None
            indices, shape = np.asarray(sparse[0], np.int64), np.asarray(sparse[2], np.int64)
            values = as_array(sparse[1], dtype)
            fits = values is not None and fits_shape(tuple(shape.tolist()), info.shape)
            return [indices.reshape(-1, len(shape)), values, shape] if fits and values is not None else None
        if not isinstance(value, _DENSE) and _as_sparse(value) is not None:
            return None
        array = as_array(value, dtype)
        return [array] if array is not None and fits_shape(array.shape, info.shape) else None


def as_array(value: Any, dtype: Any) -> Array | None:
    """A value as an array of a dtype; None where that would lose something.

    Numbers may become wider ones, integers floating-point numbers, and doubles floats. Texts become UTF-8.
    """
    array = np.asarray(value) if hasattr(value, "dtype") or not dtype.hasobject else np.asarray(value, object)
    if dtype.hasobject:
        return _strings(array)
    if array.dtype == dtype:
        return array
    if array.dtype.kind in "OSU" or not np.can_cast(array.dtype, dtype, "same_kind"):
        empty = array.size == 0 and not hasattr(value, "dtype")  # `[]` is of no kind
        return array.astype(dtype) if empty else None
    cast = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(cast, array):
        raise OverflowError(f"a number is too large for {dtype.name}")
    return cast


def _strings(array: Array) -> Array | None:
    if array.dtype.kind not in "OSU":
        return None
    if array.dtype.hasobject and _has_bytes_alone(array):
        return array
    texts = array.reshape(-1).tolist()
    out = np.empty(array.shape, object)
    flat = out.reshape(-1)
    for index, text in enumerate(texts):
        if isinstance(text, str):
            text = text.encode()
        if not isinstance(text, bytes):
            return None
        flat[index] = text
    return out


def _has_bytes_alone(array: Array) -> bool:
    """Whether an array of objects has nothing but bytes in it."""
    return _BYTES.issuperset(map(type, (array if array.ndim == 1 else array.reshape(-1)).tolist()))


def fits_shape(shape: Sequence[int], wanted: Sequence[int | None] | None) -> bool:
    """Whether a shape is one that a signature takes."""
    if wanted is None:
        return True
    return len(shape) == len(wanted) and all(
        size is None or size == given for given, size in zip(shape, wanted, strict=True)
    )


def _as_sparse(value: Any) -> tuple[Any, Any, Any] | None:
    """The parts of a SparseArray, a tf.SparseTensor or its value, a matrix of SciPy's, or a triple."""
    if all(hasattr(value, name) for name in ("indices", "values", "dense_shape")):
        return np.asarray(value.indices), np.asarray(value.values), np.asarray(value.dense_shape)
    if hasattr(value, "tocoo"):
        matrix = value.tocoo()
        order = np.lexsort((matrix.col, matrix.row))
        return np.stack([matrix.row, matrix.col], 1)[order], matrix.data[order], np.array(matrix.shape)
    if isinstance(value, tuple) and len(value) == 3:
        return value
    return None


def _ragged_parts(value: Any, count: int) -> Sequence[Array] | None:
    """The parts of a RaggedArray, a tf.RaggedTensor or its value, in the order in which TensorFlow takes them apart."""
    if not (hasattr(value, "flat_values") and hasattr(value, "nested_row_splits")):
        return None
    parts = [np.asarray(value.flat_values), *(np.asarray(splits) for splits in value.nested_row_splits)]
    return parts if len(parts) == count else None


def _components(value: Any) -> Sequence[Array]:
    if isinstance(value, RaggedArray):
        return [value.flat_values, *value.nested_row_splits]
    return value if isinstance(value, SparseArray) else [value]


def _assemble(info: ParsedTensorInfo, parts: Sequence[Any]) -> Any:
    if info.is_sparse:
        return SparseArray(*parts)
    if info.is_composite:
        return RaggedArray(parts[0], tuple(parts[1:]))
    return parts[0]


def _show(value: Any) -> str:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        kind = "" if isinstance(value, np.ndarray | np.generic) else type(value).__name__ + " "
        kind = "" if kind == "EagerTensor " else kind
        name = getattr(value.dtype, "name", str(value.dtype))
        if getattr(value.dtype, "kind", "") == "O" and value.size == 1:
            return repr(value.tolist())
        if getattr(value.dtype, "kind", "") in ("O", "S", "U"):
            others = {type(item).__name__ for item in value.flat if not isinstance(item, bytes | str)}
            name = f"object ({', '.join(sorted(others))})" if others else "string"
        return f"{kind}{name} {list(value.shape)}"
    text = repr(value)
    return f"{text[:80]}..." if len(text) > 80 else text
