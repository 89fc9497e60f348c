"""Apache Beam, Ray and Spark: how many more rows a second more of all their processes' CPU time computes.

Each job reads Parquet and computes embeddings of texts (50,000 words, 128 numbers each). It runs over few and over many
rows; the difference leaves out what it costs to start an engine. The CPU time is that of the whole tree of processes.
The size of batches is given: to measure it takes each process some seconds, more or less as the machine is busy.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
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
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux


def rows(bench: Bench) -> Iterator[Row]:
    from benchmarks.harness import Row, at_most, measure, python_of, times

    module, texts = bench.workdir / "words_128", bench.workdir / "texts"
    if not module.exists():
        # What makes a module of word vectors is TensorFlow.
        measure(python_of("newest"), "bench_engines:make_words", "ours", {"path": module})
        bench.run("bench_engines:make_texts", repeats=1, folder=texts)
    sides = {
        f"{job}, {count}": {"job": job, "texts": str(texts / str(count))}
        for job in jobs()
        for count in (FEW, MANY)
    }
    found = bench.in_turn("bench_engines:cpu_time", sides, REPEATS, module=module)
    for job in jobs():
        few, many = (found[f"{job}, {count}"]["cpu_s"] for count in (FEW, MANY))
        rate, target = (MANY - FEW) / (many - few), TARGETS[job]
        yield Row(
            f"marginal rows per CPU-second of all processes: {job}",
            f"{few:.1f} s and {many:.1f} s",
            "",
            f"{rate:,.0f}",
            f">= {target:,}",
            rate >= target,
        )
    for job in jobs():
        given = {"job": job, "module": module, "texts": texts / "faulty", "good": texts / "good"}
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


def cpu_time(job: str, module: str, texts: str, target: str | None = None) -> dict[str, Any]:
    """The CPU seconds of a job and of all processes that it starts, daemons among them."""
    if sys.platform != "linux":
        raise OSError("Only Linux tells the CPU time of processes that others started.")
    # What loses its parent becomes ours, so that its time is told to us, too.
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.bench_engines", job, module, texts]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, *([target] if target else [])], check=True, env=environment, **quiet)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_s": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime}


def faults(job: str, module: str, texts: str, good: str) -> dict[str, Any]:
    """How many rows are errors, and how many others have the numbers that they have without bad rows, to the bit.

    Also the CPU seconds of both jobs, which write what they compute.
    """
    import tempfile

    import numpy as np
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        found, took = [], []
        for source in (texts, good):
            out = Path(folder) / Path(source).name
            took.append(cpu_time(job, module, source, str(out))["cpu_s"])
            table = pq.read_table(out).sort_by("id")
            assert table.column("id").to_pylist() == list(range(FAULTY))
            found.append(table)
        errors, vectors = [], []
        for table in found:
            errors.append(np.array(table.column("error").is_valid()))
            flat = table.column("embedding").combine_chunks().flatten().to_numpy()
            vectors.append(flat.reshape(FAULTY, DIMENSIONS))
    assert not errors[1].any()
    equal = (vectors[0] == vectors[1]).all(1)
    assert not (equal & errors[0]).any()
    counts = {"errors": int(errors[0].sum()), "equal": int(equal.sum())}
    return {**counts, "cpu_s": took[0], "good_cpu_s": took[1]}


def run_beam_tables(module: str, texts: str, target: str | None) -> None:
    import apache_beam as beam
    import pyarrow as pa

    import tf1hub.beam

    predict = tf1hub.beam.PredictTables(module, columns="text", output_columns="embedding", batch_size=BATCH)
    schema = predict.schema(pa.schema([("id", pa.int64()), ("text", pa.string())]))
    with beam.Pipeline("FnApiRunner") as pipeline:
        tables = pipeline | beam.io.ReadFromParquetBatched(f"{texts}/*.parquet") | predict
        if target is None:
            _ = tables | beam.Map(lambda table: table.num_rows)
        else:
            _ = tables | beam.io.WriteToParquetBatched(
                f"{target}/part", schema=schema, file_name_suffix=".parquet"
            )


def run_beam_elements(module: str, texts: str, target: str | None) -> None:
    import apache_beam as beam
    import pyarrow as pa
    from apache_beam.ml.inference.base import RunInference

    import tf1hub.beam

    handler = tf1hub.beam.HubModelHandler(
        module, min_batch_size=BATCH, max_batch_size=BATCH, batch_size=BATCH
    )
    with beam.Pipeline("FnApiRunner") as pipeline:
        if target is None:
            read = pipeline | beam.io.ReadFromParquetBatched(f"{texts}/*.parquet", columns=["text"])
            elements = read | beam.FlatMap(lambda table: table.column("text").to_pylist())
            _ = elements | RunInference(handler) | beam.Map(len)
            return
        read = pipeline | beam.io.ReadFromParquetBatched(f"{texts}/*.parquet")
        elements = read | beam.FlatMap(
            lambda table: [{"id": row["id"], "default": row["text"]} for row in table.to_pylist()]
        )
        found, failed = elements | RunInference(handler).with_exception_handling()
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


def run_ray(module: str, texts: str, target: str | None) -> None:
    import logging

    import ray

    import tf1hub.ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR)
    predict = tf1hub.ray.HubPredictor(module, columns="text", output_columns="embedding", batch_size=BATCH)
    found = ray.data.read_parquet(texts).map_batches(predict, batch_format="pyarrow")
    if target is None:
        for _ in found.iter_internal_ref_bundles():
            pass
    else:
        found.write_parquet(target)
    ray.shutdown()


def run_spark(module: str, texts: str, target: str | None) -> None:
    from pyspark.sql import SparkSession

    import tf1hub.spark

    local = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    spark = SparkSession.builder.master("local[2]").config(map=local).getOrCreate()
    frame = spark.read.parquet(texts)
    predict = tf1hub.spark.ArrowMapper(module, columns="text", output_columns="embedding", batch_size=BATCH)
    found = frame.mapInArrow(predict, predict.schema(frame.schema))
    writer = found.write.format("noop").mode("overwrite") if target is None else found.write.format("parquet")
    writer.save(target)
    spark.stop()


_RUN = {
    "Beam tables": run_beam_tables,
    "Beam elements": run_beam_elements,
    "Ray": run_ray,
    "Spark mapInArrow": run_spark,
}


if __name__ == "__main__":
    job, module, texts, *target = sys.argv[1:]
    _RUN[job](module, texts, target[0] if target else None)
