"""`tf1hub.spark` in `mapInArrow` and `predict_batch_udf`, on a local Spark with two workers."""

from __future__ import annotations

import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyspark", reason="Spark is not installed: make test-engines")
import pyarrow as pa
from engines import corpus_of_texts as corpus
from engines.on_workers import CountsLoads, KilledOnce
from golden import cases

import tf1hub as hub
from tf1hub.spark import ArrowMapper, MakePredictFn

pytestmark = pytest.mark.filterwarnings("default")  # Spark warns of today's pandas


@pytest.fixture
def embed() -> ArrowMapper:
    return ArrowMapper(corpus.MODULE, engine=corpus.ENGINE, **corpus.COLUMNS)


@pytest.fixture
def frame(spark: Any, tmp_path: Path) -> Any:
    corpus.write_parquet(tmp_path)
    return spark.read.parquet(str(tmp_path / "part*.parquet"))


def rows_of(frame: Any) -> list[tuple[int, Any, str | None]]:
    return [(row["id"], row["embedding"], row["error"]) for row in frame.collect()]


def test_three_bad_rows_are_three_errors_and_one_load_per_process(
    frame: Any, tmp_path: Path, embed: ArrowMapper
) -> None:
    log = tmp_path / "loads"
    found = frame.repartition(4).mapInArrow(CountsLoads(embed, log), embed.schema(frame.schema))
    assert found.dtypes == [
        ("id", "bigint"),
        ("text", "string"),
        ("embedding", "array<float>"),
        ("error", "string"),
    ]
    corpus.check_rows(rows_of(found))
    loads = log.read_text().split()
    assert len(loads) == len(set(loads)) <= 2


def test_a_worker_that_is_killed(spark: Any, frame: Any, tmp_path: Path, embed: ArrowMapper) -> None:
    flag = tmp_path / "killed"
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "200")
    try:
        found = frame.mapInArrow(KilledOnce(embed, flag), embed.schema(frame.schema))
        corpus.check_rows(rows_of(found))
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert flag.exists()


def test_a_fault_of_the_setup_fails_the_job(frame: Any, tmp_path: Path) -> None:
    module = tmp_path / "module"
    shutil.copytree(corpus.MODULE, module)
    embed = ArrowMapper(str(module), engine=corpus.ENGINE, **corpus.COLUMNS)
    pickle.dumps(embed)  # where the module is still as it was
    shutil.rmtree(module)
    with pytest.raises(Exception, match=f"There is nothing at {module}"):
        frame.mapInArrow(embed, embed.schema(frame.schema)).collect()


def test_workers_look_into_the_cache_of_the_driver(
    frame: Any, tmp_path: Path, other_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "module.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(corpus.MODULE, ".")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    embed = ArrowMapper(str(archive), engine=corpus.ENGINE, **corpus.COLUMNS)
    assert frame.mapInArrow(embed, embed.schema(frame.schema)).count() == corpus.ROWS
    assert (tmp_path / "cache").exists()
    assert not other_cache.exists()


def test_predict_batch_udf(frame: Any) -> None:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql.types import ArrayType, FloatType

    embed = predict_batch_udf(
        MakePredictFn(corpus.MODULE, engine=corpus.ENGINE), return_type=ArrayType(FloatType()), batch_size=256
    )
    found = frame.where("text is not null").withColumn("embedding", embed("text")).collect()
    wanted = corpus.expected()
    assert len(found) == len(wanted)
    for row in found:
        np.testing.assert_array_equal(np.array(row["embedding"], np.float32), wanted[row["id"]])


def test_images_of_several_dimensions_and_other_types() -> None:
    case = cases.load("image")
    name = next(iter(case.calls[1]["outputs"]))
    images = case.value(case.calls[1]["inputs"]["images"])
    mapper = ArrowMapper(
        case.path, signature=case.calls[1]["signature"], engine=corpus.ENGINE, outputs=[name], keep=[]
    )
    flat = pa.array(list(images.reshape(len(images), -1)))
    (batch,) = mapper([pa.record_batch({"images": flat})])
    wanted = hub.Predictor(case.path, case.calls[1]["signature"], engine=corpus.ENGINE)(images)[name]
    np.testing.assert_array_equal(np.array(batch.column(0).to_pylist(), np.float32), wanted)
    assert "fixed_size_list" not in str(batch.schema)


def test_calls_of_what_make_predict_fn_gives() -> None:
    case = cases.load("lstm")
    arrays = {name: case.value(key) for name, key in case.calls[0]["inputs"].items()}
    options = {"signature": "tokens", "engine": corpus.ENGINE}
    predict = MakePredictFn(case.path, inputs=["tokens", "sequence_len"], **options)()
    found = predict(arrays["tokens"], arrays["sequence_len"])
    wanted = hub.Predictor(case.path, **options)(arrays)
    assert found.keys() == wanted.keys()
    np.testing.assert_array_equal(found["default"], wanted["default"])
    with pytest.raises(hub.errors.InputError) as error:
        MakePredictFn(case.path, inputs=["tokens"], **options)
    assert str(error.value) == (
        "inputs=['tokens'] are not the inputs of the signature, which are: sequence_len, tokens. Give all of them, in the "
        "order of the columns."
    )
    with pytest.raises(hub.errors.InputError, match="Row 1 of a batch of 2: The input 'default'"):
        MakePredictFn(corpus.MODULE, engine=corpus.ENGINE)()(np.array(["hello", None], object))
