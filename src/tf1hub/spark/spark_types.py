"""What Spark calls the types of Arrow's columns, and which of Arrow's it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Spark has no unsigned numbers and no halves: the next type that holds all of their values. It has none for uint64.
_WIDER = {"uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "int64", "halffloat": "float32"}
_NAMES = {
    "bool": "BooleanType",
    "int8": "ByteType",
    "int16": "ShortType",
    "int32": "IntegerType",
    "int64": "LongType",
    "float": "FloatType",
    "double": "DoubleType",
    "binary": "BinaryType",
    "string": "StringType",
}


def arrow_type_for_spark(type_: pa.DataType) -> pa.DataType:
    """The type that Spark reads a column of another as: lists of no fixed size, signed numbers."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(type_) or pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(arrow_type_for_spark(type_.value_type))
    return getattr(pa, _WIDER[str(type_)])() if str(type_) in _WIDER else type_


def spark_type(type_: pa.DataType) -> Any:
    """Spark's type of a column."""
    import pyarrow as pa
    from pyspark.sql import types

    read = arrow_type_for_spark(type_)
    if pa.types.is_list(read):
        return types.ArrayType(spark_type(read.value_type))
    return getattr(types, _NAMES[str(read)])()
