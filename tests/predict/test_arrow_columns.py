"""Columns of Arrow tables in and out of a Predictor: golden calls, and what columns may be. No TensorFlow."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from golden import cases
from predict.golden_calls import values

import tf1hub as hub
from tf1hub.errors import ArgumentError, InputError
from tf1hub.predict.arrow_columns import arrays_from_table, table_from_arrays

pa = pytest.importorskip("pyarrow")
TEXT = cases.load("text_embedding").path
IMAGE = cases.load("image").path


@pytest.mark.parametrize("name", cases.NAMES)
def test_golden_calls_through_arrow_and_back(name: str) -> None:
    case = cases.load(name)
    for call in case.calls:
        predictor = hub.Predictor(case.path, call["signature"], call["tags"], "numpy")
        given = values(case, call["inputs"])
        with_rows = {key: value for key, value in given.items() if isinstance(value, tuple) or np.ndim(value)}
        table = table_from_arrays(with_rows)
        for key in given.keys() - with_rows.keys():
            table = table.append_column(key, pa.array([bool(given[key])] * len(table)))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        table = pa.ipc.open_stream(sink.getvalue()).read_all()
        results = predictor.predict_rows(table)
        assert not results.errors
        back = arrays_from_table(table_from_arrays(results.outputs), predictor.outputs)
        assert back.keys() == call["outputs"].keys()
        for output, wanted in case.values(call["outputs"]).items():
            cases.assert_matches(back[output], wanted)


def test_texts_of_every_string_type_and_nulls() -> None:
    predictor = hub.Predictor(TEXT, engine="numpy")
    texts = ["a b", "the", None, "ü"]
    wanted = predictor(["a b", "the", "ü"])["default"]
    kinds = [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
    for kind in kinds:
        data = pa.array(texts, kind if not pa.types.is_dictionary(kind) else pa.string())
        column = data.dictionary_encode() if pa.types.is_dictionary(kind) else data
        results = predictor.predict_rows(pa.table({"default": column, "key": [1, 2, 3, 4]}))
        assert list(results.errors) == [2]
        np.testing.assert_array_equal(results.outputs["default"], wanted)


@pytest.mark.parametrize("kind", ["fixed", "list", "nested", "flat", "tensor"])
def test_images_as_lists(kind: str) -> None:
    predictor = hub.Predictor(IMAGE, engine="numpy")
    images = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    flat = images.reshape(3, -1)
    column = {
        "fixed": lambda: table_from_arrays({"default": images}).column(0),
        "list": lambda: pa.array([list(row) for row in flat], pa.list_(pa.float32())),
        "nested": lambda: pa.array(images.tolist()),
        "flat": lambda: pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), 768),
        "tensor": lambda: pa.FixedShapeTensorArray.from_numpy_ndarray(images),
    }[kind]()
    found = predictor(pa.table({"default": column}).slice(1))
    np.testing.assert_allclose(found["default"], predictor(images[1:])["default"], rtol=1e-5, atol=1e-6)


def test_rows_of_another_length_and_nulls_within() -> None:
    predictor = hub.Predictor(cases.load("tiny_tf16").path, engine="numpy")
    rows = [[1.0, 2.0, 3.0, 4.0], [1.0], None, [1.0, None, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]]
    results = predictor.predict_rows(pa.table({"default": pa.array(rows, pa.list_(pa.float32()))}))
    assert results.rows.tolist() == [0, 4]
    assert sorted(results.errors) == [1, 2, 3]


def test_columns_that_cannot_be_meant() -> None:
    predictor = hub.Predictor(TEXT, engine="numpy")
    for table, message in (
        (
            pa.table({"text": ["a"], "key": [1]}),
            "The table has no column 'default'. The inputs are 'default': string [?]; the columns are 'text', 'key'.",
        ),
        (pa.table({"x": [1]}), "The column 'x' is int64; the input 'default' takes string [?]."),
    ):
        with pytest.raises(InputError) as caught:
            predictor.predict_rows(table)
        assert str(caught.value) == message


def test_a_value_for_all_rows() -> None:
    predictor = hub.Predictor(cases.load("dropout_cond").path, "controlled", engine="numpy")
    x = table_from_arrays({"x": np.ones([2, 6], np.float32)})
    assert predictor(x.append_column("is_training", [[False, False]]))["default"].shape == (2, 4)
    with pytest.raises(
        InputError, match="one value for all rows; the column 'is_training' has 2 different ones"
    ):
        predictor(x.append_column("is_training", [[False, True]]))


def test_outputs_of_every_dtype_as_columns() -> None:
    for value in (
        np.zeros([2, 0]),
        np.zeros([0, 3]),
        np.array([True, False]),
        np.array([[b"a"], [b"\xff"]], object),
    ):
        (column,) = table_from_arrays({"x": value}).columns
        assert len(column) == len(value)
    half = table_from_arrays({"x": np.array([1.5], ml_dtypes.bfloat16)})
    assert half.to_pydict() == {"x": [1.5]}
    with pytest.raises(ArgumentError) as caught:
        table_from_arrays({"x": np.zeros(1, np.complex64)})
    assert str(caught.value) == "The output 'x' is complex64, and Arrow has no type for that."


def test_a_table_without_rows() -> None:
    found: Any = hub.Predictor(TEXT, engine="numpy")(pa.table({"default": pa.array([], pa.string())}))
    assert found["default"].shape == (0, 7)
