"""`tf1hub.beam.PredictTables` between Beam's readers and writers of Parquet."""

from __future__ import annotations

import glob
import pickle
import shutil
from pathlib import Path

import pytest

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed: make test-engines")
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from apache_beam.metrics import MetricsFilter  # noqa: E402
from engines import corpus_of_texts as corpus  # noqa: E402
from golden import cases  # noqa: E402

import tf1hub as hub  # noqa: E402
from tf1hub.beam import PredictTables  # noqa: E402


def test_parquet_to_parquet_with_errors_as_a_column(tmp_path: Path) -> None:
    source = corpus.write_parquet(tmp_path)
    predict = PredictTables(corpus.MODULE, engine=corpus.ENGINE, **corpus.COLUMNS)
    with beam.Pipeline("FnApiRunner") as pipeline:
        tables = pipeline | beam.io.ReadFromParquetBatched(source) | predict
        _ = tables | beam.io.WriteToParquetBatched(
            str(tmp_path / "embedded"), schema=predict.schema(corpus.table().schema)
        )
    found = pa.concat_tables([pq.read_table(path) for path in glob.glob(str(tmp_path / "embedded*"))])
    assert found.schema.field("embedding").type == pa.list_(pa.float32(), 7)
    corpus.check_rows(corpus.rows_of(found))
    counters = pipeline.result.metrics().query(MetricsFilter().with_namespace("BeamML_TF1Hub"))["counters"]
    assert {counter.key.metric.name: counter.committed for counter in counters} == {
        "num_inferences": corpus.ROWS,
        "num_bad_rows": len(corpus.BAD),
    }


def test_a_bad_row_fails_the_pipeline_where_no_column_is_for_errors() -> None:
    predict = PredictTables(corpus.MODULE, engine=corpus.ENGINE, error_column=None, **corpus.COLUMNS)
    with (
        pytest.raises(hub.errors.InputError, match=r"Row 1 of a batch of 2: The input 'default' .*was given"),
        beam.Pipeline("FnApiRunner") as pipeline,
    ):
        _ = pipeline | beam.Create([pa.table({"text": ["hello", None]})]) | predict


def test_a_fault_of_the_setup_fails_the_pipeline(tmp_path: Path) -> None:
    module = tmp_path / "module"
    shutil.copytree(corpus.MODULE, module)
    predict = PredictTables(str(module), engine=corpus.ENGINE, **corpus.COLUMNS)
    pickle.dumps(predict)  # where the module is still as it was
    shutil.rmtree(module)
    with pytest.raises(hub.errors.NotAModuleError, match=f"There is nothing at {module}"):  # noqa: SIM117
        with beam.Pipeline("FnApiRunner") as pipeline:
            _ = pipeline | beam.Create([pa.table({"text": ["hello"]})]) | predict


def test_names_that_do_not_fit() -> None:
    def make(**names):
        return PredictTables(cases.load("lstm").path, signature="tokens", engine=corpus.ENGINE, **names)

    with pytest.raises(hub.errors.InputError) as error:
        make(columns="text")
    assert str(error.value) == (
        "columns='text' names one column, but the signature has 2 inputs: sequence_len, tokens. Give a dict with the "
        "column of each."
    )
