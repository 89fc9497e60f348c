"""TensorFlow's dtypes without TensorFlow agree with TensorFlow's own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tf1hub.errors import MissingDependencyError, UnsupportedFormatError
from tf1hub.format import dtypes


def tensorflow_dtypes() -> Iterator[tf.DType]:
    for number in range(1, 100):
        # A number that this TensorFlow does not have.
        with contextlib.suppress(TypeError):
            yield tf.as_dtype(number)


@pytest.mark.parametrize("dtype", list(tensorflow_dtypes()), ids=lambda dtype: dtype.name)
def test_every_dtype_of_tensorflow_has_its_name_and_size(dtype):
    number = dtype.as_datatype_enum
    assert dtypes.name_of(number) == dtype.name
    assert dtypes.number_of(dtype.name) == number
    assert dtypes.is_known(number)
    assert not dtypes.is_ref(number)
    if dtype in (tf.string, tf.resource, tf.variant):
        assert dtypes.size_of(number) is None
    else:
        assert dtypes.size_of(number) == dtype.size


@pytest.mark.parametrize("number", [*range(1, 20), 22, 23, 24, 25, 29, 30])
def test_numpy_dtype_is_the_one_that_tensorflow_gives(number):
    ours, theirs = dtypes.numpy_dtype(number), np.dtype(tf.as_dtype(number).as_numpy_dtype)
    # TensorFlow's quantized types are records of one integer.
    assert ours == (theirs[0] if theirs.names else theirs)
    if not theirs.names and number != dtypes.STRING:
        assert dtypes.number_of_numpy(ours) == number
        assert ours.itemsize == dtypes.size_of(number)


def test_types_of_less_than_a_byte_take_a_byte():
    assert dtypes.size_of(dtypes.number_of("int4")) == np.dtype(ml_dtypes.int4).itemsize == 1


def test_reference_types_have_the_name_and_size_of_their_base():
    assert dtypes.is_ref(101)
    assert dtypes.name_of(101) == "float32"
    assert dtypes.size_of(101) == 4
    assert dtypes.numpy_dtype(101) == np.float32


def test_unknown_number_is_named_by_itself():
    assert dtypes.name_of(77) == "dtype 77"
    assert dtypes.name_of(-1) == "dtype -1"
    assert dtypes.size_of(77) is None
    assert not dtypes.is_known(77)


@pytest.mark.parametrize("given", [object, "S3", "U2", np.dtype(object)])
def test_objects_bytes_and_text_are_strings(given):
    assert dtypes.number_of_numpy(given) == dtypes.STRING


def test_byte_order_does_not_matter():
    assert dtypes.number_of_numpy(">f4") == dtypes.number_of_numpy("<f4") == dtypes.FLOAT


def test_integers_are_not_taken_for_quantized_ones():
    assert [
        dtypes.name_of(dtypes.number_of_numpy(name)) for name in ("int8", "uint8", "int16", "uint16", "int32")
    ] == [
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
    ]


def test_type_of_ml_dtypes_is_found_by_class_and_by_name():
    assert dtypes.number_of_numpy(ml_dtypes.bfloat16) == dtypes.BFLOAT16
    assert dtypes.number_of_numpy("bfloat16") == dtypes.BFLOAT16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dtypes.numpy_dtype(20), "Tensors of resource have no counterpart in NumPy."),
        (lambda: dtypes.numpy_dtype(77), "Tensors of dtype 77 have no counterpart in NumPy."),
        (
            lambda: dtypes.number_of_numpy("datetime64[s]"),
            "NumPy's dtype datetime64[s] has no counterpart in TensorFlow.",
        ),
        (
            lambda: dtypes.number_of_numpy(np.dtype([("a", "i4")])),
            "NumPy's dtype [('a', '<i4')] has no counterpart in TensorFlow.",
        ),
    ],
)
def test_what_the_other_side_lacks_is_named(call, message):
    with pytest.raises(UnsupportedFormatError) as error:
        call()
    assert str(error.value) == message


def test_unknown_name_lists_the_known():
    with pytest.raises(UnsupportedFormatError) as error:
        dtypes.number_of("float31")
    assert str(error.value).startswith(
        "No dtype is called 'float31'. There are: float32, float64, int32, uint8,"
    )


def test_old_ml_dtypes_is_named_with_the_cure(monkeypatch):
    monkeypatch.delattr(ml_dtypes, "int4")
    with pytest.raises(MissingDependencyError) as error:
        dtypes.numpy_dtype(dtypes.number_of("int4"))
    assert str(error.value) == (
        f"ml_dtypes {ml_dtypes.__version__} does not have int4. A newer one does: pip install --upgrade"
        " ml_dtypes"
    )


def test_names_and_sizes_need_neither_numpy_nor_ml_dtypes():
    program = (
        "import sys\n"
        "from tf1hub.format import dtypes\n"
        "assert dtypes.name_of(14) == 'bfloat16' and dtypes.size_of(14) == 2\n"
        "print('numpy' in sys.modules, 'ml_dtypes' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
