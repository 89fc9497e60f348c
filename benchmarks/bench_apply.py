"""A module applied to a corpus: rows per second of the processors, memory, rows at fault, the measured size of batches."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.harness import Bench, Row

ENVIRONMENT = "newest"
WORDS, DIMENSIONS = 50_000, 128
WORDS_OF_A_TEXT = 4
ROWS, MANY_ROWS = 200_000, 2_000_000
IMAGES = 24_000
SIZE = 64


def rows(bench: Bench) -> Iterator[Row]:
    from benchmarks.harness import at_least, at_most, megabytes, seconds, times

    folder = bench.workdir / "apply"
    if not folder.exists():
        bench.run("bench_apply:make_corpus", repeats=1, folder=folder)

    def per_second(value: float) -> str:
        return f"{value:,.0f} rows/s"

    sides = {side: {"way": side} for side in ("apply", "row by row", "batches of 32", "bad rows")}
    texts = bench.in_turn("bench_apply:embed", sides, folder=folder)
    ours = texts["apply"]
    what = f"apply, texts to {DIMENSIONS} numbers, Parquet to Parquet"
    yield at_least(f"{what}, {ROWS:,} rows, per CPU-second", ours["rate"], 300_000, per_second)
    for side, target in (("row by row", 45), ("batches of 32", 2.5)):
        theirs = texts[side]
        ratio = ours["rate"] / theirs["rate"]
        yield at_least(f"{what}, against hub.load, {side}", ratio, target, times, per_second(theirs["rate"]))
    bad = texts["bad rows"]
    assert bad["errors"] == 3
    assert bad["equal"] == 1
    more = ours["rate"] / bad["rate"] - 1
    yield at_most(f"{what}, three faulty rows of {ROWS:,}, more CPU time", more, 0.1, lambda x: f"{x:.1%}")
    many = bench.run("bench_apply:embed", 2, folder=folder, way="many rows")
    yield at_least(f"{what}, {MANY_ROWS:,} rows, per CPU-second", many["rate"], 300_000, per_second)
    yield at_most(f"{what}, memory for {MANY_ROWS:,} rows", many["peak_bytes"], 1.1e9, megabytes)
    grown = many["peak_bytes"] / ours["peak_bytes"]
    few = megabytes(ours["peak_bytes"])
    yield at_most(f"{what}, memory for {MANY_ROWS:,} rows against {ROWS:,}", grown, 1.1, times, few)

    sides = {side: {"way": side} for side in ("one thread", "two threads", "row by row")}
    images = bench.in_turn("bench_apply:features", sides, folder=folder)
    what = f"apply, JPEG of {SIZE} x {SIZE} to features of a small CNN"
    one = images["one thread"]
    yield at_least(f"{what}, per CPU-second", one["rate"], 2_000, per_second)
    theirs = images["row by row"]["rate"]
    yield at_least(
        f"{what}, against hub.load, row by row", one["rate"] / theirs, 2.2, times, per_second(theirs)
    )
    ratio = images["two threads"]["wall_rate"] / one["wall_rate"]
    yield at_least(f"{what}, a second thread, by the clock", ratio, 1.8, times)

    for kind in ("text", "cnn", "rnn"):
        found = bench.run("bench_apply:measured_size", folder=folder, kind=kind)
        yield at_least(
            f"measured batch size of {kind}, rate against the best of a sweep",
            found["share"], 0.9, lambda x: f"{x:.2f}", f"{found['size']:.0f}, best {found['best']:.0f}",
        )  # fmt: skip
        yield at_most(f"measured batch size of {kind}, time", found["took"], 2.0, seconds)


def make_corpus(folder: str) -> dict[str, Any]:
    """The modules and the sources."""
    import numpy as np
    import pyarrow as pa
    from PIL import Image
    from pyarrow import parquet

    from tf1hub.publish import text_embedding

    root = Path(folder)
    root.mkdir()
    random = np.random.default_rng(0)
    with (root / "words.txt").open("w") as file:
        for number, vector in enumerate(random.normal(0, 0.4, (WORDS, DIMENSIONS))):
            file.write(f"word{number} " + " ".join(f"{value:.4f}" for value in vector) + "\n")
    text_embedding(str(root / "words.txt"), str(root / "text"))
    for name, count in (("texts", ROWS), ("many_texts", MANY_ROWS)):
        writer = None
        for start in range(0, count, 100_000):
            words = random.integers(0, WORDS, (100_000, WORDS_OF_A_TEXT))
            texts = [" ".join(f"word{word}" for word in row) for row in words]
            table = pa.table({"id": np.arange(start, start + len(texts)), "text": texts})
            writer = writer or parquet.ParquetWriter(root / f"{name}.parquet", table.schema)
            writer.write_table(table, row_group_size=1 << 15)
        writer.close()
    table = parquet.read_table(root / "texts.parquet")
    texts = table.column("text").to_pylist()
    for row in (7, ROWS // 2, ROWS - 1):
        texts[row] = None
    parquet.write_table(
        table.set_column(1, "text", pa.array(texts)), root / "bad_texts.parquet", row_group_size=1 << 15
    )
    (root / "images").mkdir()
    for number in range(IMAGES):
        small = random.integers(0, 255, (8, 8, 3), np.uint8)
        image = Image.fromarray(small).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        image.save(root / "images" / f"{number:05}.jpg", quality=90)
    _make_networks(root)
    return {}


def _make_networks(root: Path) -> None:
    import tensorflow as tf

    import tf1hub as hub

    tf1 = tf.compat.v1

    def cnn() -> None:
        x = tf1.placeholder(tf.float32, [None, SIZE, SIZE, 3])
        net, channels = x, 3
        for layer, filters in enumerate((16, 32, 64)):
            kernel = tf1.get_variable(f"kernel{layer}", [3, 3, channels, filters])
            net, channels = tf.nn.relu(tf.nn.conv2d(net, kernel, 2, "SAME")), filters
        hub.add_signature(inputs=x, outputs=tf.reduce_mean(net, [1, 2]))

    def rnn() -> None:
        x = tf1.placeholder(tf.float32, [None, 20, 64])
        kernel = tf1.get_variable("kernel", [128 + 64, 128])

        def step(time: Any, state: Any) -> Any:
            return time + 1, tf.tanh(tf.matmul(tf.concat([x[:, time], state], 1), kernel))

        first = tf.zeros(tf.stack([tf.shape(x)[0], 128]))
        shapes = [tf.TensorShape([]), tf.TensorShape([None, 128])]
        _, last = tf1.while_loop(
            lambda time, _: time < 20, step, [tf.constant(0), first], shape_invariants=shapes
        )
        hub.add_signature(inputs=x, outputs=last)

    for name, module_fn in (("cnn", cnn), ("rnn", rnn)):
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.set_random_seed(0)
            module = hub.Module(hub.create_module_spec(module_fn))
            session.run(tf1.global_variables_initializer())
            module.export(str(root / name), session)


def embed(folder: str, way: str) -> dict[str, Any]:
    """Embeds texts; the clock runs from when the module is loaded and has run once."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    import tf1hub as hub

    root, target = Path(folder), Path(folder) / "embedded"
    shutil.rmtree(target, ignore_errors=True)
    source = {"bad rows": "bad_texts", "many rows": "many_texts"}.get(way, "texts")
    if way in ("row by row", "batches of 32"):
        module = hub.load(str(root / "text"))
        module(["a"])
        size, count = (1, 2_000) if way == "row by row" else (32, 20_000)
        started = time.process_time()
        table = parquet.read_table(root / "texts.parquet").slice(0, count)
        texts = table.column("text").to_pylist()
        found = [module(texts[start : start + size]).numpy() for start in range(0, count, size)]
        numbers = np.concatenate(found)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), DIMENSIONS)
        target.mkdir()
        parquet.write_table(table.append_column("default", lists), target / "part.parquet")
        return {"rate": count / (time.process_time() - started)}
    predictor = hub.Predictor(str(root / "text"), engine="tensorflow", threads=1)
    predictor(["a"] * 10)
    started = time.process_time()
    done = hub.apply(predictor, root / f"{source}.parquet", target, columns="text")
    rate = done.rows / (time.process_time() - started)
    figures = {"rate": rate, "errors": done.errors, "equal": 1}
    if way == "bad rows":
        good = predictor(parquet.read_table(root / "texts.parquet").column("text").to_pylist())["default"]
        column = parquet.read_table(target).column("default").combine_chunks()
        bad = column.flatten().to_numpy().reshape(-1, DIMENSIONS)
        rows = np.isfinite(bad).all(1)
        figures["equal"] = int(rows.sum() == ROWS - 3 and np.array_equal(good[rows], bad[rows]))
    shutil.rmtree(target)
    return figures


def features(folder: str, way: str) -> dict[str, Any]:
    """Computes features of images from their files; what is imported when it is used is imported before the clock starts."""
    import numpy as np
    import pyarrow.parquet  # noqa: F401  # before the clock starts
    from PIL import Image

    import tf1hub as hub

    root, target = Path(folder), Path(folder) / "features.parquet"
    target.unlink(missing_ok=True)
    if way == "row by row":
        module = hub.load(str(root / "cnn"))
        files = sorted((root / "images").iterdir())[:500]
        module(np.zeros([1, SIZE, SIZE, 3], np.float32))
        started = time.process_time()
        for file in files:
            with Image.open(io.BytesIO(file.read_bytes())) as image:
                module(np.asarray(image, np.float32)[None] / 255).numpy()
        return {"rate": len(files) / (time.process_time() - started)}
    predictor = hub.Predictor(str(root / "cnn"), engine="tensorflow", threads=1, decode="image")
    predictor.measure_batch_size([file.read_bytes() for file in sorted((root / "images").iterdir())[:300]])
    started, began = time.process_time(), time.perf_counter()
    done = hub.apply(predictor, root / "images", target, threads=1 if way == "one thread" else 2)
    figures = {
        "rate": done.rows / (time.process_time() - started),
        "wall_rate": done.rows / (time.perf_counter() - began),
    }
    target.unlink()
    return figures


def measured_size(folder: str, kind: str) -> dict[str, Any]:
    """The size that is measured, and its rate against that of the best one of all powers of two."""
    import numpy as np
    from pyarrow import parquet

    import tf1hub as hub
    from tf1hub.predict.batch_size import LARGEST

    root = Path(folder)
    random = np.random.default_rng(0)
    inputs: Any
    if kind == "text":
        inputs = np.array(
            parquet.read_table(root / "texts.parquet").column("text").to_pylist()[:LARGEST], object
        )
    else:
        shape = {"cnn": (1024, SIZE, SIZE, 3), "rnn": (4096, 20, 64)}[kind]
        inputs = random.random(shape, np.float32)
    predictor = hub.Predictor(str(root / kind), engine="tensorflow", threads=1)
    predictor(inputs[:2])
    began = time.perf_counter()
    size = predictor.measure_batch_size(inputs)
    took = time.perf_counter() - began
    assert size is not None
    whole = hub.Predictor(str(root / kind), engine="tensorflow", threads=1, batch_size=None)
    sizes = [1 << power for power in range(14) if 1 << power <= len(inputs)]
    least = dict.fromkeys(sizes, float("inf"))
    # In turn, so that a slow moment of the machine hits all sizes; and other rows each time, as in a corpus.
    for round_ in range(6):
        for each in sizes:
            starts = range(0, len(inputs) - each + 1, each)[: max(3, 1024 // each)]
            started = time.process_time()
            for start in starts:
                whole(inputs[start : start + each])
            if round_:
                least[each] = min(least[each], (time.process_time() - started) / each / len(starts))
    best = min(sizes, key=lambda each: least[each])
    return {"size": size, "best": best, "share": least[best] / least[size], "took": took}
