"""A module in a `tf.Graph`: the time it takes, the ops it adds, the memory it needs."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benchmarks.harness import WEIGHTS, Bench, Row, at_most, faster, megabytes, share, times

APPLICATIONS = 64


def rows(bench: Bench) -> Iterator[Row]:
    first_use = bench.compare("bench_graph:first_use", module=bench.module("residual"))
    ours, original = first_use["ours"], first_use["original"]
    yield faster(
        "load spec, instantiate, apply once, initialize", ours["initialized_s"], original["initialized_s"], 5
    )
    yield faster("the same with the first run", ours["first_run_s"], original["first_run_s"], 3)
    yield ops_row(ours["ops"], original["ops"])

    # The original takes minutes for this one, and its spread is far from the target.
    many = bench.compare("bench_graph:many_applications", repeats=3, module=bench.module("residual"))
    ours, original = many["ours"], many["original"]
    yield faster(f"{APPLICATIONS} applications of one module", ours["all_s"], original["all_s"], 20)
    grows, grew = ours["last_s"] / ours["first_s"], original["last_s"] / original["first_s"]
    yield at_most(f"application {APPLICATIONS} against application 1", grows, 1.3, times, times(grew))
    # Application 1 may pay for what is kept for the others, and so hide that they get slower.
    grows, grew = ours["late_s"] / ours["early_s"], original["late_s"] / original["early_s"]
    yield at_most(
        f"applications {APPLICATIONS - 7} to {APPLICATIONS} against 2 to 9", grows, 1.3, times, times(grew)
    )

    memory = bench.compare("bench_graph:big_module", repeats=3, module=bench.module("big"))
    tensorflow_alone = bench.run("bench_graph:tensorflow_alone", repeats=3)["peak_bytes"]
    ours, original = memory["ours"], memory["original"]
    above, above_original = ours["peak_bytes"] - tensorflow_alone, original["peak_bytes"] - tensorflow_alone
    yield Row(
        "peak memory, 500 MB of weights, load to first run",
        megabytes(ours["peak_bytes"]),
        megabytes(original["peak_bytes"]),
        f"{ours['peak_bytes'] / original['peak_bytes']:.2f} x",
        "< 1 x",
        ours["peak_bytes"] < original["peak_bytes"],
    )
    yield at_most(
        f"of it above TensorFlow's own {megabytes(tensorflow_alone)}, per weight",
        above / WEIGHTS,
        1.3,
        times,
        times(above_original / WEIGHTS),
    )


def ops_row(ours: float, original: float) -> Row:
    return Row(
        "ops in the consumer's graph after one application",
        f"{ours:.0f}",
        f"{original:.0f}",
        share(ours / original),
        "<= 0.25",
        ours <= original / 4,
    )


def first_use(library: str, module: str) -> dict[str, Any]:
    hub, tf = load_library(library)
    images = random_images()
    with tf.Graph().as_default() as graph:
        started = time.perf_counter()
        spec = hub.load_module_spec(module)
        features = hub.Module(spec)(tf.constant(images))
        ops = len(graph.get_operations())
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            initialized = time.perf_counter() - started
            session.run(features)
            first_run = time.perf_counter() - started
    return {"initialized_s": initialized, "first_run_s": first_run, "ops": ops}


def many_applications(library: str, module: str) -> dict[str, Any]:
    hub, tf = load_library(library)
    with tf.Graph().as_default():
        images = tf.constant(random_images())
        instance = hub.Module(hub.load_module_spec(module))
        each = []
        for _ in range(APPLICATIONS):
            started = time.perf_counter()
            instance(images)
            each.append(time.perf_counter() - started)
    return {
        "all_s": sum(each),
        "first_s": each[0],
        "last_s": each[-1],
        "early_s": sum(each[1:9]),
        "late_s": sum(each[-8:]),
    }


def big_module(library: str, module: str) -> dict[str, Any]:
    hub, tf = load_library(library)
    with tf.Graph().as_default():
        rows = hub.Module(hub.load_module_spec(module))(tf.constant([3, 24_999]))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            assert session.run(rows).shape == (2, 1_000)
    return {}


def tensorflow_alone() -> dict[str, Any]:
    """The same program around a variable of three numbers, without any module."""
    import tensorflow as tf

    with tf.Graph().as_default():
        table = tf.compat.v1.get_variable("table", [3, 1])
        rows = tf.gather(table, tf.constant([0, 2]))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            session.run(rows)
    return {}


def load_library(library: str) -> tuple[ModuleType, ModuleType]:
    """The library and TensorFlow, imported before the clock starts, as far as a program sees them."""
    import tensorflow as tf

    hub = importlib.import_module(library)
    for name in ("Module", "load_module_spec"):
        getattr(hub, name)  # what is loaded lazily is loaded now
    return hub, tf


def random_images() -> Any:
    import numpy as np

    return np.random.default_rng(0).random((2, 32, 32, 3), dtype=np.float32)
