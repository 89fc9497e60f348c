"""Apache Beam, Ray and Spark: how many more rows a second more of all their processes' CPU time computes.

Each job reads Parquet and computes embeddings of texts (50,000 words, 128 numbers each). It runs over few rows, and then, in
the same session of the engine, over many: the first run has what it costs to start and to warm up, the second counts. The CPU
time is that of the whole tree of processes.
The size of batches is given: to measure it takes each process some seconds, more or less as the machine is busy.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.harness import Bench, Row

ENVIRONMENT = "engines-tensorflow"
WORDS, DIMENSIONS = 50_000, 128
FEW, MANY = 100_000, 1_600_000
BATCH = 1024
REPEATS = 3
FAULTY = 200_000
TARGETS = {"Beam tables": 110_000, "Beam elements": 45_000, "Ray": 62_000, "Spark mapInArrow": 35_000}
Compute = Callable[[str, str | None], None]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux


def rows(bench: Bench) -> Iterator[Row]:
    from benchmarks.harness import Row, at_most, measure, python_of, times

    module, texts = bench.workdir / "words_128", bench.workdir / "texts"
    if not module.exists():
        # What makes a module of word vectors is TensorFlow.
        measure(python_of("newest"), "bench_engines:make_words", "ours", {"path": module})
        bench.run("bench_engines:make_texts", repeats=1, folder=texts)
    sides = {job: {"job": job} for job in jobs()}
    given = {"module": module, "few": texts / str(FEW), "many": texts / str(MANY)}
    found = bench.in_turn("bench_engines:cpu_time", sides, REPEATS, **given)
    for job in sides:
        few, many = found[job]["few_s"], found[job]["many_s"]
        rate, least = MANY / many, TARGETS[job]
        yield Row(
            f"rows per further CPU-second of all processes: {job}",
            f"{many:.1f} s after {few:.1f} s",
            "",
            f"{rate:,.0f}",
            f">= {least:,}",
            rate >= least,
        )
    for job in jobs():
        given = {"job": job, "module": module, "few": texts / str(FEW)}
        given.update(texts=texts / "faulty", good=texts / "good")
        done = bench.run("bench_engines:faults", repeats=1, **given)
        yield Row(
            f"three bad rows among {FAULTY:,}, others equal to the bit: {job}",
            f"{done['errors']:.0f} errors",
            "",
            f"{done['equal']:,.0f} equal",
            f"3 and {FAULTY - 3:,}",
            (done["errors"], done["equal"]) == (3, FAULTY - 3),
        )
        yield at_most(
            f"CPU time with three bad rows among {FAULTY:,}, against none: {job}",
            done["cpu_s"] / done["good_cpu_s"],
            1.1,
            times,
        )
    if "Spark mapInArrow" in jobs():
        done = bench.run("bench_engines:write_with_spark", repeats=1, module=module, texts=texts / str(FEW))
        yield at_most(
            f"CPU time to compute and write {FEW:,} rows with Spark, without dictionaries against with",
            done["plain_s"] / done["dictionary_s"],
            0.5,
            times,
        )


def jobs() -> list[str]:
    """The engines that can run here."""
    import shutil

    return [job for job in TARGETS if job != "Spark mapInArrow" or shutil.which("java")]


def make_words(path: str) -> dict[str, Any]:
    """A text embedding, as `publish.text_embedding` makes one."""
    import numpy as np

    from tf1hub.publish import text_embedding

    random = np.random.default_rng(0)
    source = Path(path).with_suffix(".txt")
    with source.open("w") as file:
        for number, vector in enumerate(random.normal(0, 0.4, (WORDS, DIMENSIONS))):
            file.write(f"word{number} " + " ".join(f"{value:.4f}" for value in vector) + "\n")
    text_embedding(str(source), path)
    return {}


def make_texts(folder: str) -> dict[str, Any]:
    """Texts of four words as Parquet, in row groups of 10,000; and some with three rows that are null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    for name, count in ((str(FEW), FEW), (str(MANY), MANY), ("good", FAULTY), ("faulty", FAULTY)):
        random = np.random.default_rng(0)
        texts: list[str | None] = [
            " ".join([f"word{number}" for number in numbers])
            for numbers in random.integers(0, WORDS * 11 // 10, (count, 4)).tolist()
        ]
        if name == "faulty":
            for row in faulty_rows():
                texts[row] = None
        place = Path(folder) / name
        place.mkdir(parents=True)
        table = pa.table({"id": pa.array(range(count)), "text": pa.array(texts, pa.string())})
        for part in range(4):
            size = count // 4
            pq.write_table(table.slice(part * size, size), place / f"{part}.parquet", row_group_size=10_000)
    return {}


def faulty_rows() -> list[int]:
    return [0, FAULTY // 3, FAULTY - 1]


def cpu_time(job: str, module: str, few: str, many: str) -> dict[str, Any]:
    """The CPU seconds of a job and of all processes that it starts: from the start over few rows, then over many."""
    with start(job, module) as compute:
        compute(few, None)
        few_s = cpu_of_tree()
        compute(many, None)
        return {"few_s": few_s, "many_s": cpu_of_tree() - few_s}


def start(job: str, module: str) -> AbstractContextManager[Compute]:
    """A session of an engine: a function that computes the texts of a folder, and writes them if there is a target."""
    if sys.platform != "linux":
        raise OSError("Only Linux tells the CPU time of processes that others started.")
    # What loses its parent stays in this process's tree.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return _START[job](module)


def cpu_of_tree() -> float:
    """The CPU seconds of this process and of all below it, those among them that have ended."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
        used[int(path.parent.name)] = sum(map(int, fields[11:15]))
    tree = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return sum(used[process] for process in tree) / os.sysconf("SC_CLK_TCK")


def faults(job: str, module: str, few: str, texts: str, good: str) -> dict[str, Any]:
    """How many rows are errors, and how many others have the numbers that they have without bad rows, to the bit.

    Also the least CPU seconds of both, which write what they compute.
    """
    import tempfile

    import numpy as np
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder, start(job, module) as compute:
        compute(few, f"{folder}/few")
        found: dict[str, Any] = {}
        least = {texts: float("inf"), good: float("inf")}
        for number in range(REPEATS):
            for source in (texts, good):
                out = f"{folder}/{Path(source).name}{number}"
                before = cpu_of_tree()
                compute(source, out)
                least[source] = min(least[source], cpu_of_tree() - before)
                found[source] = pq.read_table(out).sort_by("id")
                assert found[source].column("id").to_pylist() == list(range(FAULTY))
        errors, vectors = [], []
        for table in (found[texts], found[good]):
            errors.append(np.array(table.column("error").is_valid()))
            flat = table.column("embedding").combine_chunks().flatten().to_numpy()
            vectors.append(flat.reshape(FAULTY, DIMENSIONS))
    assert not errors[1].any()
    equal = (vectors[0] == vectors[1]).all(1)
    assert not (equal & errors[0]).any()
    counts = {"errors": int(errors[0].sum()), "equal": int(equal.sum())}
    return {**counts, "cpu_s": least[texts], "good_cpu_s": least[good]}


def write_with_spark(module: str, texts: str) -> dict[str, Any]:
    """The CPU seconds to compute the texts of a folder and write them as Parquet, as Spark does and as docs/spark.md says."""
    import tempfile

    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as folder, start("Spark mapInArrow", module) as compute:
        compute(texts, f"{folder}/first")
        context = SparkSession.getActiveSession().sparkContext
        found = {}
        for name, enabled in (("plain_s", "false"), ("dictionary_s", "true")):
            context._jsc.hadoopConfiguration().set("parquet.enable.dictionary", enabled)
            before = cpu_of_tree()
            compute(texts, f"{folder}/{name}")
            found[name] = cpu_of_tree() - before
    return found


@contextlib.contextmanager
def start_beam_tables(module: str) -> Iterator[Compute]:
    import apache_beam as beam
    import pyarrow as pa

    import tf1hub.beam

    predict = tf1hub.beam.PredictTables(module, columns="text", output_columns="embedding", batch_size=BATCH)
    schema = predict.schema(pa.schema([("id", pa.int64()), ("text", pa.string())]))

    def compute(texts: str, target: str | None) -> None:
        with beam.Pipeline("FnApiRunner") as pipeline:
            tables = pipeline | beam.io.ReadFromParquetBatched(f"{texts}/*.parquet") | predict
            if target is None:
                _ = tables | beam.Map(lambda table: table.num_rows)
            else:
                _ = tables | beam.io.WriteToParquetBatched(
                    f"{target}/part", schema=schema, file_name_suffix=".parquet"
                )

    yield compute


@contextlib.contextmanager
def start_beam_elements(module: str) -> Iterator[Compute]:
    import apache_beam as beam
    from apache_beam.ml.inference.base import RunInference

    import tf1hub.beam

    handler = tf1hub.beam.HubModelHandler(
        module, min_batch_size=BATCH, max_batch_size=BATCH, batch_size=BATCH
    )

    def compute(texts: str, target: str | None) -> None:
        with beam.Pipeline("FnApiRunner") as pipeline:
            read = pipeline | beam.io.ReadFromParquetBatched(f"{texts}/*.parquet")
            if target is None:
                elements = read | beam.FlatMap(lambda table: table.column("text").to_pylist())
                _ = elements | RunInference(handler) | beam.Map(len)
                return
            elements = read | beam.FlatMap(
                lambda table: [{"id": row["id"], "default": row["text"]} for row in table.to_pylist()]
            )
            _write_elements(*(elements | RunInference(handler).with_exception_handling()), target)

    yield compute


def _write_elements(found: Any, failed: Any, target: str) -> None:
    import apache_beam as beam
    import pyarrow as pa

    good = found | beam.Map(
        lambda r: {"id": r.example["id"], "embedding": r.inference["default"], "error": None}
    )
    zeros = [float("nan")] * DIMENSIONS
    dead = failed.failed_postprocessing[0] | "dead" >> beam.Map(
        lambda pair: {"id": pair[0].example["id"], "embedding": zeros, "error": pair[1][1]}
    )
    fields = [("id", pa.int64()), ("embedding", pa.list_(pa.float32())), ("error", pa.string())]
    _ = (
        (good, dead)
        | beam.Flatten()
        | beam.io.WriteToParquet(f"{target}/part", schema=pa.schema(fields), file_name_suffix=".parquet")
    )


@contextlib.contextmanager
def start_ray(module: str) -> Iterator[Compute]:
    import logging

    import ray

    import tf1hub.ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR)
    predict = tf1hub.ray.HubPredictor(module, columns="text", output_columns="embedding", batch_size=BATCH)

    def compute(texts: str, target: str | None) -> None:
        found = ray.data.read_parquet(texts).map_batches(predict, batch_format="pyarrow")
        if target is None:
            for _ in found.iter_internal_ref_bundles():
                pass
        else:
            found.write_parquet(target)

    yield compute
    ray.shutdown()


@contextlib.contextmanager
def start_spark(module: str) -> Iterator[Compute]:
    from pyspark.sql import SparkSession

    import tf1hub.spark

    local = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        # As docs/spark.md says: numbers repeat so rarely that a dictionary of them costs more than all the rest.
        "spark.hadoop.parquet.enable.dictionary": "false",
    }
    spark = SparkSession.builder.master("local[2]").config(map=local).getOrCreate()
    predict = tf1hub.spark.ArrowMapper(module, columns="text", output_columns="embedding", batch_size=BATCH)

    def compute(texts: str, target: str | None) -> None:
        frame = spark.read.parquet(texts)
        found = frame.mapInArrow(predict, predict.schema(frame.schema))
        if target is None:
            found.write.format("noop").mode("overwrite").save()
        else:
            found.write.parquet(target)

    yield compute
    spark.stop()


_START = {
    "Beam tables": start_beam_tables,
    "Beam elements": start_beam_elements,
    "Ray": start_ray,
    "Spark mapInArrow": start_spark,
}
