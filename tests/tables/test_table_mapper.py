"""Tables in and tables out, and what is said where the names do not fit."""

from __future__ import annotations

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
from golden import cases  # noqa: E402

import tf1hub as hub  # noqa: E402
from tf1hub.errors import InputError  # noqa: E402
from tf1hub.predict.arrow_columns import table_from_arrays  # noqa: E402
from tf1hub.predict.batches import RowResults  # noqa: E402
from tf1hub.tables.table_mapper import TableMapper, predictor_of  # noqa: E402

TEXT = hub.Predictor(cases.load("text_embedding").path, engine="numpy")
TABLE = pa.table({"id": [1, 2, 3], "text": ["hello", None, "world"]})


def test_rows_stay_and_outputs_and_errors_become_columns() -> None:
    mapper = TableMapper(TEXT, columns="text", output_columns="embedding", keep="id")
    found = mapper(TABLE)
    assert found.schema == mapper.schema(TABLE.schema)
    assert found.schema.names == ["id", "embedding", "error"]
    assert found.column("error").is_valid().to_pylist() == [False, True, False]
    wanted = TEXT(["hello", "world"])["default"]
    assert found.column("embedding").take([0, 2]).to_pylist() == wanted.tolist()
    assert mapper(TABLE.slice(0, 0)).schema == found.schema
    assert mapper(TABLE.slice(1, 1)).schema == found.schema


def test_faulty_rows_of_sparse_outputs_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = hub.Predictor(cases.load("sparse_io").path, engine="numpy", outputs=["doubled"])
    rows = hub.SparseArray(np.array([[0, 1], [1, 0]]), np.array([1, 2], np.float32), np.array([2, 3]))
    good = table_from_arrays({"x": rows})
    found = TableMapper(predictor, columns="x")(good)
    assert found.schema == TableMapper(predictor, columns="x").schema(good.schema)
    results = RowResults({"doubled": predictor(rows)["doubled"]}, np.array([0, 2]), {1: "It is wrong."})
    monkeypatch.setattr(hub.Predictor, "predict_rows", lambda *_: results)
    three = pa.concat_tables([good, good.slice(0, 1)])
    made = TableMapper(predictor, columns="x")(three)
    assert made.schema == found.schema
    wanted = found.column("doubled").to_pylist()
    assert made.column("doubled").to_pylist() == [wanted[0], None, wanted[1]]
    assert made.column("error").to_pylist() == [None, "It is wrong.", None]


def test_sizes_that_a_signature_leaves_open_are_lists_of_any_size() -> None:
    case = cases.load("lstm")
    predictor = hub.Predictor(case.path, "tokens", engine="numpy", outputs=["elmo", "default"])
    arrays = {name: case.value(key) for name, key in case.calls[0]["inputs"].items()}
    table = pa.table({name: pa.array(value.tolist()) for name, value in arrays.items()})
    mapper = TableMapper(predictor, keep=[], error_column=None)
    found = mapper(table)
    assert found.schema == mapper.schema(table.schema)
    assert str(found.schema.field("elmo").type) == "list<item: fixed_size_list<item: float>[8]>"
    assert found.column("elmo").to_pylist() == predictor(arrays)["elmo"].tolist()


def message(**names: object) -> str:
    table = names.pop("table", TABLE)
    with pytest.raises(InputError) as error:
        TableMapper(TEXT, **names)(table)  # type: ignore[arg-type]
    return str(error.value)


def test_what_is_said() -> None:
    assert message() == (
        "There is no column 'default' for the input 'default'. The columns are: id, text. Name the one that has it: "
        "columns={'default': ...}"
    )
    assert message(columns={"text": "text"}) == (
        "columns=: the signature has no input 'text'. Its inputs are: default."
    )
    assert message(columns="text", keep=["number"]) == (
        "There is no column 'number' to keep. The columns are: id, text."
    )
    assert message(columns="text", output_columns="id") == (
        "The output 'default' would be a second column 'id'. Give it another name: output_columns={'default': ...}"
    )
    assert message(columns="text", table=TABLE.rename_columns(["error", "text"])) == (
        "There is a column 'error' already. Name another one for the errors of this module: error_column=..."
    )
    assert message(columns="text", output_columns="error") == (
        "Two of the new columns would have one name: error, error. Choose others: output_columns=, error_column="
    )
    assert message(columns="text", error_column=None).startswith("Row 1 of a batch of 3: The input 'default'")


def test_what_messages_advise_works() -> None:
    assert TableMapper(TEXT, columns={"default": "text"})(TABLE).num_rows == 3
    renamed = TABLE.rename_columns(["error", "text"])
    assert "faults" in TableMapper(TEXT, columns="text", error_column="faults")(renamed).column_names
    other = TableMapper(TEXT, columns="text", output_columns={"default": "vector"})(TABLE)
    assert "vector" in other.column_names


def test_a_predictor_takes_no_more_options() -> None:
    assert predictor_of(TEXT, {}) is TEXT
    with pytest.raises(InputError) as error:
        predictor_of(TEXT, {"signature": "default"})
    assert str(error.value) == (
        f"{TEXT!r} is ready, so signature cannot be chosen any more. Give it to tf1hub.Predictor, or give a handle instead of a "
        "Predictor."
    )
