"""`tf1hub.ray.HubPredictor` in `map_batches`, on a Ray of two CPUs with its default settings."""

from __future__ import annotations

import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-engines")
import pyarrow as pa
from engines import corpus_of_texts as corpus
from engines.on_workers import CountsLoads, KilledOnce

import tf1hub as hub
from tf1hub.ray import HubPredictor

pytestmark = pytest.mark.filterwarnings("default")  # of Ray's own, and of what it imports


@pytest.fixture
def predict() -> HubPredictor:
    return HubPredictor(corpus.MODULE, engine=corpus.ENGINE, **corpus.COLUMNS)


def rows_of(found: Any) -> list[tuple[int, Any, str | None]]:
    return [(row["id"], row["embedding"], row["error"]) for row in found.take_all()]


def test_three_bad_rows_are_three_errors_and_one_load_per_process(
    ray: Any, tmp_path: Path, predict: HubPredictor
) -> None:
    texts = ray.data.read_parquet(str(Path(corpus.write_parquet(tmp_path)).parent))
    log = tmp_path / "loads"
    found = texts.map_batches(CountsLoads(predict, log), batch_format="pyarrow", batch_size=200)
    corpus.check_rows(rows_of(found))
    loads = log.read_text().split()
    assert len(loads) == len(set(loads)) <= 2


def test_batches_of_arrays_and_a_worker_that_is_killed(
    ray: Any, tmp_path: Path, predict: HubPredictor
) -> None:
    texts = ray.data.from_arrow(corpus.table()).repartition(4)
    flag = tmp_path / "killed"
    corpus.check_rows(rows_of(texts.map_batches(KilledOnce(predict, flag), batch_size=300)))
    assert flag.exists()


def test_the_class_itself(ray: Any) -> None:
    arguments = {"handle": corpus.MODULE, "engine": corpus.ENGINE, **corpus.COLUMNS}
    texts = ray.data.from_arrow(corpus.table())
    found = texts.map_batches(HubPredictor, fn_constructor_kwargs=arguments, batch_format="pyarrow")
    corpus.check_rows(rows_of(found))


def test_a_fault_of_the_setup_fails_the_job(ray: Any, tmp_path: Path) -> None:
    module = tmp_path / "module"
    shutil.copytree(corpus.MODULE, module)
    predict = HubPredictor(str(module), engine=corpus.ENGINE, **corpus.COLUMNS)
    pickle.dumps(predict)  # where the module is still as it was
    shutil.rmtree(module)
    with pytest.raises(Exception, match=f"There is nothing at {module}"):
        ray.data.from_arrow(corpus.table()).map_batches(predict, batch_format="pyarrow").take_all()


def test_workers_look_into_the_cache_of_the_driver(
    ray: Any, tmp_path: Path, other_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "module.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(corpus.MODULE, ".")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    predict = HubPredictor(str(archive), engine=corpus.ENGINE, **corpus.COLUMNS)
    found = ray.data.from_arrow(corpus.table()).map_batches(predict, batch_format="pyarrow")
    assert found.count() == corpus.ROWS
    assert (tmp_path / "cache").exists()
    assert not other_cache.exists()


def test_arrays_in_and_arrays_out(predict: HubPredictor) -> None:
    found = predict({"id": np.arange(3), "text": np.array(["hello", None, "world"], object)})
    assert list(found) == ["id", "text", "embedding", "error"]
    wanted = hub.Predictor(corpus.MODULE, engine=corpus.ENGINE)(["hello", "world"])["default"]
    np.testing.assert_array_equal(found["embedding"][[0, 2]], wanted)
    assert np.isnan(found["embedding"][1]).all()
    assert [error is None for error in found["error"]] == [True, False, True]
    # As Ray gives a batch in which all texts are missing.
    assert None not in predict({"text": np.array([np.nan, np.nan])})["error"].tolist()


def test_a_bad_row_fails_the_job_where_no_column_is_for_errors() -> None:
    predict = HubPredictor(corpus.MODULE, engine=corpus.ENGINE, error_column=None, **corpus.COLUMNS)
    with pytest.raises(hub.errors.InputError, match="Row 1 of a batch of 2: The input 'default'"):
        predict(pa.table({"text": ["hello", None]}))
