"""`hub.convert` of modules of published sizes: NASNet-large, BERT-base, ELMo, and the real graph of Inception-v3.

Times are held against the first version's in the same run, and against figures that were measured once: of the published
modules on another machine, and of ours on this one.

"TensorFlow's own" memory is told in two ways: that of TensorFlow loading what was written, which `hub.convert` cannot do without,
because it compares what it wrote; and that of TensorFlow imported and not used, beside the same of TensorFlow's loading alone.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    ROOT,
    Bench,
    Row,
    at_most,
    has_first_version,
    megabytes,
    seconds,
    share,
    times,
)

ENVIRONMENT = "newest"

_BEFORE_S = {"NASNet-large": 115.0, "BERT-base": 14.3, "ELMo": 27.0, "Inception-v3": 22.0}
"""Processor time of the first version, which saved a function around all variables for each form. It could not convert
the last one: that is what was measured elsewhere, as the third is, of the published module."""
_PER_WEIGHT = 2.5
_INCEPTION = ROOT.parent / "shared" / "real" / "inception_v3_fv1" / "inception_v3_fv1_graph_and_index.tar.xz"
"""Not part of the repository; its row is left out where it is not there."""


def rows(bench: Bench) -> Iterator[Row]:
    alone = bench.run("bench_tf2:tensorflow_alone", repeats=1)["peak_bytes"]
    yield from _rows_of(bench, "NASNet-large", bench.module("nasnet", "ours"), alone)
    yield from _rows_of(bench, "BERT-base", bench.module("bert_base", "ours"), alone)
    yield from _rows_of(bench, "ELMo", bench.module("elmo", "ours"), alone)
    if _INCEPTION.exists():
        bench.run("bench_convert:fill", repeats=1, archive=_INCEPTION, directory=bench.workdir)
        inception, later = bench.workdir / "inception_v3_fv1", bench.workdir / "inception_of_later"
        bench.run("bench_convert:declare_as_later", repeats=1, module=inception, path=later)
        yield from _rows_of(bench, "Inception-v3", inception, alone, later)
        plain = bench.run(
            "bench_convert:plain", repeats=1, module=inception, path=bench.workdir / "converted"
        )
        weights = sum(file.stat().st_size for file in (inception / "variables").iterdir())
        peak = times((plain["peak_bytes"] - alone) / weights)
        yield Row(
            "plain TensorFlow running Inception-v3 and its result, nothing written: processor time, peak per weight",
            seconds(plain["cpu_s"]),
            "",
            peak,
            "told",
            True,
        )


def _rows_of(
    bench: Bench, name: str, module: Path, alone: float, for_first: Path | None = None
) -> Iterator[Row]:
    weights = sum(file.stat().st_size for file in (module / "variables").iterdir())
    path = bench.workdir / "converted"
    first = None
    if has_first_version():
        sides = {"first": {"module": str(for_first or module)}}
        first = bench.in_turn("bench_convert:convert", sides, repeats=1, path=path)["first"]["cpu_s"]
    converted = bench.run("bench_convert:convert", repeats=3, module=module, path=path)
    # The first version could not compare what calls that leave a state give.
    assert converted["all_compared"]
    if first is not None:
        yield at_most(
            f"hub.convert of {name}, processor time as a share of the first version's, {seconds(first)}",
            converted["cpu_s"] / first,
            1 / 3,
            share,
        )
    loaded = bench.run("bench_convert:load", repeats=1, path=path)["peak_bytes"]
    peak = converted["peak_bytes"]
    yield at_most(
        f"hub.convert of {name}, {megabytes(weights)}, processor time ({seconds(converted['wall_s'])} on the clock); other: the "
        "first version",
        converted["cpu_s"],
        _BEFORE_S[name] / 3,
        seconds,
        seconds(_BEFORE_S[name]),
    )
    yield at_most(
        f"its peak memory above {megabytes(loaded)} of tf.saved_model.load of the result, per weight",
        (peak - loaded) / weights,
        _PER_WEIGHT,
        times,
    )
    yield at_most(
        f"its peak memory above {megabytes(alone)} of TensorFlow alone, per weight; other: tf.saved_model.load of the result",
        (peak - alone) / weights,
        _PER_WEIGHT,
        times,
        times((loaded - alone) / weights),
    )


def convert(module: str, path: str) -> dict[str, Any]:
    """Processor and wall seconds of one conversion."""
    # What is imported when it is used is imported before the clock starts.
    import tensorflow  # noqa: F401

    import tf1hub as hub

    for name in ("tf1hub.tf2.load", "tf1hub.converting.saved_model_calls"):
        # The first version has not all of them.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    hub.convert  # noqa: B018
    shutil.rmtree(path, ignore_errors=True)
    started, cpu = time.perf_counter(), time.process_time()
    conversion = hub.convert(module, path)
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - started,
        "all_compared": float(conversion.all_compared),
    }


def load(path: str) -> dict[str, Any]:
    """What `hub.convert` has to do at the least to compare: TensorFlow loads what was written."""
    import tensorflow as tf

    assert tf.saved_model.load(path).signatures
    return {}


def plain(module: str, path: str) -> dict[str, Any]:
    """The least that comparing takes, without this library: both variants in sessions, and the result called in all ways."""
    import numpy as np
    import tensorflow as tf

    tf1, images = tf.compat.v1, np.zeros((2, 299, 299, 3), np.float32)
    cpu = time.process_time()
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    for tags in ([], ["train"]):
        with tf.Graph().as_default(), tf1.Session(config=config) as session:
            signature = tf1.saved_model.load(session, tags, module).signature_def["image_feature_vector"]
            (given,), outputs = signature.inputs.values(), [info.name for info in signature.outputs.values()]
            for count in (1, 2):
                session.run(outputs, {given.name: images[:count]})
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    loaded = tf.saved_model.load(path)
    for name in ("default", "image_feature_vector"):
        loaded.signatures[name](tf.constant(images[:1]))
        for training in (False, True):
            for count in (1, 2):
                given = {"images": tf.constant(images[:count])}
                loaded.__call__.python_function(given, training, name, True)
    return {"cpu_s": time.process_time() - cpu}


def fill(archive: str, directory: str) -> dict[str, Any]:
    """Unpacks a published graph, and makes up weights of the names and shapes in its index."""
    import numpy as np
    import tensorflow as tf

    from tf1hub.format.checkpoint import CheckpointReader

    with tarfile.open(archive) as opened:
        opened.extractall(directory, filter="data")
    prefix = Path(directory) / "inception_v3_fv1" / "variables" / "variables"
    reader, rng = CheckpointReader(str(prefix)), np.random.default_rng(7)
    values = {name: _made_up(name, reader.shape(name), rng) for name in sorted(reader.keys())}
    prefix.with_suffix(".index").unlink()
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return {}


def declare_as_later(module: str, path: str) -> dict[str, Any]:
    """Copies a module as a later TensorFlow would have declared it, for the first version, which could not read it.

    The reads of variables are named, and nothing is colocated with what was cut away.
    """
    from tensorflow.core.framework import variable_pb2
    from tensorflow.core.protobuf import saved_model_pb2

    shutil.copytree(module, path)
    file = Path(path) / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        for collection in ("variables", "trainable_variables", "model_variables"):
            listed = graph.collection_def[collection].bytes_list.value
            for index, message in enumerate(listed):
                variable = variable_pb2.VariableDef.FromString(message)
                variable.snapshot_name = f"{variable.variable_name.removesuffix(':0')}/Read/ReadVariableOp:0"
                listed[index] = variable.SerializeToString()
        for node in graph.graph_def.node:
            node.attr.pop("_class", None)
    file.write_bytes(model.SerializeToString())
    return {}


def _made_up(name: str, shape: tuple[int, ...], rng: Any) -> Any:
    """Values of a size that keeps deep networks' outputs finite."""
    if "moving_variance" in name:
        value = 0.5 + rng.random(shape)
    elif "moving_mean" in name or "beta" in name:
        value = 0.05 * rng.standard_normal(shape)
    else:
        value = math.sqrt(1.5 / math.prod(shape[:-1])) * rng.standard_normal(shape)
    return value.astype("float32")
