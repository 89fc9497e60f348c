"""TensorFlow's dtypes: their numbers in files, their names, and what NumPy calls them.

The numbers are those of TensorFlow's enum `DataType` (`types.proto`). Importing
this module imports neither NumPy nor `ml_dtypes`: names and sizes need neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tf1hub.errors import MissingDependencyError, UnsupportedFormatError

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

__all__ = [
    "BFLOAT16",
    "BOOL",
    "DOUBLE",
    "FLOAT",
    "FLOATING",
    "HALF",
    "INT32",
    "INT64",
    "REF_OFFSET",
    "RESOURCE",
    "STRING",
    "VARIANT",
    "base",
    "is_known",
    "is_ref",
    "name_of",
    "number_of",
    "number_of_numpy",
    "numpy_dtype",
    "size_of",
]

REF_OFFSET = 100
"""What TensorFlow adds to a dtype's number for a reference to such a tensor."""

FLOAT, DOUBLE, INT32, STRING, INT64, BOOL, BFLOAT16, HALF, RESOURCE, VARIANT = (
    1,
    2,
    3,
    7,
    9,
    10,
    14,
    19,
    20,
    21,
)
FLOATING = frozenset({FLOAT, DOUBLE, BFLOAT16, HALF})
"""Dtypes of weights."""


class _DType(NamedTuple):
    name: str
    size: int | None  # bytes of one element in memory and in a checkpoint; None: varies, or opaque
    numpy: str | None  # the name of NumPy's or ml_dtypes' type; None: there is none


# Types of less than a byte (int4 and the like) take a whole byte per element,
# in TensorFlow's memory, in its checkpoints and in ml_dtypes.
_DTYPES: dict[int, _DType] = {
    1: _DType("float32", 4, "float32"),
    2: _DType("float64", 8, "float64"),
    3: _DType("int32", 4, "int32"),
    4: _DType("uint8", 1, "uint8"),
    5: _DType("int16", 2, "int16"),
    6: _DType("int8", 1, "int8"),
    7: _DType("string", None, "object"),
    8: _DType("complex64", 8, "complex64"),
    9: _DType("int64", 8, "int64"),
    10: _DType("bool", 1, "bool"),
    11: _DType("qint8", 1, "int8"),
    12: _DType("quint8", 1, "uint8"),
    13: _DType("qint32", 4, "int32"),
    14: _DType("bfloat16", 2, "bfloat16"),
    15: _DType("qint16", 2, "int16"),
    16: _DType("quint16", 2, "uint16"),
    17: _DType("uint16", 2, "uint16"),
    18: _DType("complex128", 16, "complex128"),
    19: _DType("float16", 2, "float16"),
    20: _DType("resource", None, None),
    21: _DType("variant", None, None),
    22: _DType("uint32", 4, "uint32"),
    23: _DType("uint64", 8, "uint64"),
    24: _DType("float8_e5m2", 1, "float8_e5m2"),
    25: _DType("float8_e4m3fn", 1, "float8_e4m3fn"),
    26: _DType("float8_e4m3fnuz", 1, "float8_e4m3fnuz"),
    27: _DType("float8_e4m3b11fnuz", 1, "float8_e4m3b11fnuz"),
    28: _DType("float8_e5m2fnuz", 1, "float8_e5m2fnuz"),
    29: _DType("int4", 1, "int4"),
    30: _DType("uint4", 1, "uint4"),
    31: _DType("int2", 1, "int2"),
    32: _DType("uint2", 1, "uint2"),
    33: _DType("float4_e2m1fn", 1, "float4_e2m1fn"),
}
_NUMBERS = {dtype.name: number for number, dtype in _DTYPES.items()}
_ML_DTYPES = frozenset({14, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33})
# The quantized types share NumPy's integers with the plain ones, to which those belong.
_NUMBERS_BY_NUMPY_NAME = {
    dtype.numpy: number for number, dtype in _DTYPES.items() if dtype.numpy == dtype.name
}


def is_ref(number: int) -> bool:
    """Says whether a dtype is a reference type, such as TF1 variables without resources give.

    Example:
        >>> is_ref(101), is_ref(1)
        (True, False)
    """
    return number > REF_OFFSET


def base(number: int) -> int:
    """The number of the dtype without its reference."""
    return number - REF_OFFSET if is_ref(number) else number


def is_known(number: int) -> bool:
    """Says whether TensorFlow has a dtype of this number (reference types included)."""
    return base(number) in _DTYPES


def name_of(number: int) -> str:
    """Returns a dtype's name, as `tf.DType.name` gives it.

    Args:
        number: a number of TensorFlow's enum `DataType`. A reference type gives its base type's name.

    Returns:
        The name, or `dtype 77` for a number that TensorFlow does not have.

    Example:
        >>> name_of(1), name_of(114), name_of(77)
        ('float32', 'bfloat16', 'dtype 77')
    """
    dtype = _DTYPES.get(base(number))
    return dtype.name if dtype else f"dtype {number}"


def number_of(name: str) -> int:
    """Returns the number of the dtype that TensorFlow calls `name`.

    Raises:
        UnsupportedFormatError: TensorFlow has no dtype of this name.

    Example:
        >>> number_of("float32")
        1
    """
    try:
        return _NUMBERS[name]
    except KeyError:
        raise UnsupportedFormatError(
            f"No dtype is called {name!r}. There are: {', '.join(_NUMBERS)}."
        ) from None


def size_of(number: int) -> int | None:
    """Returns the bytes of one element, or None where they vary (string) or are opaque (resource, variant).

    Example:
        >>> size_of(1), size_of(7)
        (4, None)
    """
    dtype = _DTYPES.get(base(number))
    return dtype.size if dtype else None


def numpy_dtype(number: int) -> np.dtype[Any]:
    """Returns the NumPy dtype for TensorFlow's.

    Strings give `object` (elements are `bytes`), quantized integers the plain integer of their size,
    and bfloat16, float8 and sub-byte integers the types of `ml_dtypes`.

    Args:
        number: a number of TensorFlow's enum `DataType`. A reference type gives its base type's.

    Raises:
        UnsupportedFormatError: NumPy has nothing like it (resource, variant), or the number is unknown.
        MissingDependencyError: the installed `ml_dtypes` is too old to have it.

    Example:
        >>> numpy_dtype(9)
        dtype('int64')
    """
    import numpy as np

    plain = base(number)
    dtype = _DTYPES.get(plain)
    if dtype is None or dtype.numpy is None:
        raise UnsupportedFormatError(f"Tensors of {name_of(number)} have no counterpart in NumPy.")
    if plain not in _ML_DTYPES:
        return np.dtype(dtype.numpy)
    import ml_dtypes

    try:
        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, dtype.numpy))
    except AttributeError:
        raise MissingDependencyError(
            f"ml_dtypes {ml_dtypes.__version__} does not have {dtype.name}. A newer one does:"
            " pip install --upgrade ml_dtypes"
        ) from None
    return found


def number_of_numpy(dtype: np.dtype[Any] | type[Any] | str) -> int:
    """Returns the number of TensorFlow's dtype for NumPy's; byte order does not matter.

    Args:
        dtype: anything that `np.dtype` takes. Objects, bytes and text give string.

    Raises:
        UnsupportedFormatError: TensorFlow has nothing like it.

    Example:
        >>> number_of_numpy("float32"), number_of_numpy(object)
        (1, 7)
    """
    import numpy as np

    try:
        given = np.dtype(dtype)
    except TypeError:
        # NumPy knows bfloat16 and its like by name only once ml_dtypes is imported.
        return number_of(str(dtype))
    if given.kind in "OSU":
        return STRING
    number = _NUMBERS_BY_NUMPY_NAME.get(given.name)
    if number is None or given.subdtype or given.names:
        raise UnsupportedFormatError(f"NumPy's dtype {given} has no counterpart in TensorFlow.")
    return number
