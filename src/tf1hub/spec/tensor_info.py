"""One input or output of a signature, as it may be asked about without a graph."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from tf1hub.errors import FormatError
from tf1hub.format.dtypes import is_known, name_of
from tf1hub.format.messages_pb2 import StructuredValue, TensorInfo, TensorShapeProto
from tf1hub.format.saved_model import tensors_of
from tf1hub.spec.description import TensorDescription, shape_text


class ParsedTensorInfo:
    """Type and shape of one input or output of a signature, asked as programs of the time ask.

    It is a `TensorDescription` (`description`) with the message behind it. `dtype`, `get_shape` and `type_spec`
    give TensorFlow's objects and import TensorFlow when first asked; everything else needs none. Each call of a
    predictor asks for kind and shape, and nobody changes the message, so these are kept.
    """

    def __init__(self, info: TensorInfo) -> None:
        self._info = info

    @property
    def message(self) -> TensorInfo:
        """The message that the signature holds."""
        return self._info

    @cached_property
    def kind(self) -> str:
        """`"dense"`, `"sparse"` or `"composite"` (a RaggedTensor and the like)."""
        encoding = self._info.WhichOneof("encoding")
        return {"coo_sparse": "sparse", "composite_tensor": "composite"}.get(encoding or "", "dense")

    @property
    def is_sparse(self) -> bool:
        """Whether this is a SparseTensor."""
        return self.kind == "sparse"

    @property
    def is_composite(self) -> bool:
        """Whether this is a composite tensor other than a SparseTensor, such as a RaggedTensor."""
        return self.kind == "composite"

    @property
    def tensor_names(self) -> list[str]:
        """The dense tensors it consists of: one; indices, values and dense shape; or the components."""
        return tensors_of(self._info)

    @property
    def dtype_name(self) -> str:
        """The element type's name, such as `"float32"`."""
        return name_of(self._dtype_number)

    @cached_property
    def shape(self) -> tuple[int | None, ...] | None:
        """The static shape; None stands for what is unknown."""
        return _dimensions(_composite_shape(self._info) or self._info.tensor_shape)

    @property
    def ragged_rank(self) -> int | None:
        """How many dimensions of a RaggedTensor are ragged; None for all else."""
        for value in self._ragged_state():
            if value.WhichOneof("kind") == "int64_value":
                return value.int64_value
        return None

    @property
    def row_splits_dtype_name(self) -> str | None:
        """The element type of a RaggedTensor's row splits; None for all else."""
        # The first element type is that of the values.
        types = [value for value in self._ragged_state() if value.WhichOneof("kind") == "tensor_dtype_value"]
        return name_of(types[1].tensor_dtype_value) if len(types) == 2 else None

    @property
    def description(self) -> TensorDescription:
        """Type, shape and kind as plain values."""
        return TensorDescription(self.dtype_name, self.shape, self.kind)

    @property
    def dtype(self) -> Any:
        """The element type as a `tf.DType`.

        Raises:
            FormatError: TensorFlow has no such type.
        """
        import tensorflow as tf

        if not is_known(self._dtype_number):
            raise FormatError(
                f"A signature declares {', '.join(map(repr, self.tensor_names))} with the dtype {self._dtype_number}, "
                "which TensorFlow does not have. The file is damaged."
            )
        return tf.dtypes.as_dtype(self._dtype_number)

    def get_shape(self) -> Any:
        """The static shape as a `tf.TensorShape`."""
        import tensorflow as tf

        return tf.TensorShape(self.shape)

    @property
    def type_spec(self) -> Any:
        """The `tf.TypeSpec` that a value for this input must be compatible with."""
        import tensorflow as tf

        if self.is_composite:
            from tf1hub._tensorflow import type_spec_from_bytes

            return type_spec_from_bytes(self._info.composite_tensor.type_spec.SerializeToString())
        spec = tf.SparseTensorSpec if self.is_sparse else tf.TensorSpec
        return spec(self.get_shape(), self.dtype)

    def describe(self) -> str:
        """Type and shape in words.

        Example:
            >>> from tf1hub.format.messages_pb2 import TensorInfo
            >>> ParsedTensorInfo(TensorInfo(name="x:0", dtype=1)).describe()
            'float32 []'
        """
        class_name = self._info.composite_tensor.type_spec.type_spec_class_name.removesuffix("Spec")
        return str(self.description).replace("composite", class_name or "composite", 1)

    def shape_text(self) -> str:
        """The shape as `[?, 224, 224, 3]`; `<unknown>` where not even the rank is known."""
        return shape_text(self.shape)

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def __eq__(self, other: object) -> bool:
        """Equal in kind, type and shape; the names of the tensors do not matter."""
        if not isinstance(other, ParsedTensorInfo):
            return NotImplemented
        return self.description == other.description

    def __hash__(self) -> int:
        return hash(self.description)

    def _ragged_state(self) -> list[StructuredValue]:
        name = self._info.composite_tensor.type_spec.type_spec_class_name
        return _composite_state(self._info) if name == "RaggedTensorSpec" else []

    @property
    def _dtype_number(self) -> int:
        return self._info.dtype or _composite_dtype(self._info)


def _dimensions(shape: TensorShapeProto) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if dimension.size < 0 else dimension.size for dimension in shape.dim)


def _composite_state(info: TensorInfo) -> list[StructuredValue]:
    """What a composite's type spec holds: for a RaggedTensor its shape, dtype, ragged rank, ..."""
    return list(info.composite_tensor.type_spec.type_state.tuple_value.values)


def _composite_shape(info: TensorInfo) -> TensorShapeProto | None:
    # TensorFlow leaves the shape and dtype of a composite's TensorInfo empty.
    for value in _composite_state(info):
        if value.WhichOneof("kind") == "tensor_shape_value":
            return value.tensor_shape_value
    return None


def _composite_dtype(info: TensorInfo) -> int:
    for value in _composite_state(info):
        if value.WhichOneof("kind") == "tensor_dtype_value":
            return value.tensor_dtype_value
    return 0
