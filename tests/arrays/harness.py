"""Runs a case: by TensorFlow's kernel, and by our table on NumPy and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from arrays.op_case import CASES, Case

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef.op_record import recorded_definition


def node_of(case: Case) -> NodeDef:
    """The op as a graph holds it."""
    with tf.Graph().as_default() as graph:
        _made(case, placeholders=True)
        (node,) = (node for node in graph.as_graph_def().node if node.op == case.kind)
    return NodeDef.FromString(node.SerializeToString())


def by_tensorflow(case: Case) -> list[Any]:
    """TensorFlow's outputs."""
    if case.session:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            return flat(session.run(_made(case)))
    found = _made(case)
    return [value.numpy() for value in flat(found)]


def _made(case: Case, placeholders: bool = False) -> Any:
    def tensor(value: Any) -> Any:
        return (
            tf.compat.v1.placeholder(tf.as_dtype(dtype_of(value)), value.shape)
            if placeholders
            else tf.constant(value)
        )

    inputs = {
        name: [tensor(v) for v in value] if isinstance(value, list) else tensor(value)
        for name, value in case.inputs.items()
    }
    return getattr(tf.raw_ops, case.kind)(**inputs, **case.attributes)


def dtype_of(value: Any) -> Any:
    return "string" if value.dtype == object else value.dtype


def flat(found: Any) -> list[Any]:
    if found is None:
        return []
    if isinstance(found, list | tuple):
        return [part for value in found for part in flat(value)]
    return [found]


def assert_like(case: Case, actual: list[Any], expected: list[Any]) -> None:
    """Shapes, dtypes and values."""
    assert len(actual) == len(expected), (len(actual), len(expected))
    for number, (mine, its) in enumerate(zip(actual, expected, strict=True)):
        if case.drawn:
            assert_alike_in_distribution(np.asarray(mine), np.asarray(its))
            continue
        if case.compare is not None and number not in case.compare:
            continue
        mine, its = np.asarray(mine), np.asarray(its)
        assert mine.shape == its.shape, f"{mine.shape} for {its.shape}"
        assert mine.dtype == its.dtype or its.dtype.kind in "SO", f"{mine.dtype} for {its.dtype}"
        if its.dtype.kind in "SO" or its.dtype.kind in "biu" or case.exact:
            np.testing.assert_array_equal(mine, its)
        else:
            scale = {"float16": 1e3, "bfloat16": 1e4, "float64": 1, "complex128": 1}.get(str(its.dtype), 1)
            wide = np.complex128 if its.dtype.kind == "c" else np.float64
            limit = case.tolerance * scale
            np.testing.assert_allclose(mine.astype(wide), its.astype(wide), rtol=limit, atol=limit)


def by_table(case: Case, random: Any = None) -> list[Any]:
    """The outputs of our function on NumPy."""
    kernel = kernel_of(case.kind)
    inputs = [part for name in case.inputs for part in _parts(case.inputs[name])]
    with np.errstate(all="ignore"):
        return [_array(value) for value in _called(kernel, np, case, random, inputs)]


def _array(value: Any) -> Any:
    return (
        value
        if isinstance(value, np.ndarray) or not isinstance(value, np.generic | int | float)
        else np.asarray(value)
    )


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _called(kernel: Any, xp: Any, case: Case, random: Any, inputs: list[Any]) -> Any:
    attributes = attributes_of(node_of(case), recorded_definition(case.kind))
    if kernel.form == "draws":
        return kernel.function(xp, attributes, random, *inputs)
    return kernel.function(xp, attributes, *inputs)


def by_jax(case: Case, random: Any = None) -> list[Any]:
    """The outputs of our function under `jax.jit`, with all inputs traced but those that say shapes."""
    import jax
    import jax.numpy as jnp

    kernel = kernel_of(case.kind)
    names = list(case.inputs)
    traced = {
        name: case.inputs[name]
        for name in names
        if name not in case.known and not has_strings_in(case.inputs[name])
    }

    def run(given: dict[str, Any]) -> list[Any]:
        inputs = [part for name in names for part in _parts(given.get(name, case.inputs[name]))]
        xp = jnp if traced else np
        return [jnp.asarray(value) for value in _called(kernel, xp, case, random, inputs)]

    with jax.enable_x64(True):
        return [np.asarray(value) for value in jax.jit(run)(traced)]


def has_strings_in(value: Any) -> bool:
    return any(part.dtype == object for part in _parts(value))


def assert_alike_in_distribution(mine: Any, its: Any) -> None:
    """Shapes, dtypes, limits, moments, and the share of each integer; by rows or columns, which have their own."""
    assert mine.shape == its.shape
    assert mine.dtype == its.dtype
    if mine.size < 1000:
        return
    assert not np.array_equal(mine, its)
    mine, its = mine.astype(np.float64), its.astype(np.float64)
    along = int(np.argmax(mine.shape))
    count = mine.shape[along]
    deviation = its.std(along)
    np.testing.assert_allclose(mine.mean(along), its.mean(along), atol=np.max(8 * deviation / np.sqrt(count)))
    np.testing.assert_allclose(mine.std(along), deviation, rtol=0.15)
    # Integers by the share of each, other numbers by the share below some limits.
    whole = np.array_equal(its, np.round(its)) and len(np.unique(its)) < 100
    for limit in np.unique(its) if whole else np.percentile(its, (5, 30, 50, 70, 95)):
        np.testing.assert_allclose((mine <= limit).mean(along), (its <= limit).mean(along), atol=0.04)
    wide = np.max(deviation) * 2
    assert its.min() - wide <= mine.min()
    assert mine.max() <= its.max() + wide


def has_strings(case: Case) -> bool:
    """Whether JAX cannot take the inputs."""
    return any(has_strings_in(value) for value in case.inputs.values())


def traceable(kind: str) -> bool:
    """Whether an op has cases that JAX can take."""
    cases = CASES[kind]
    kernel = kernel_of(kind)
    runs_before = kernel is not None and kernel.host and not any(case.refused for case in cases)
    return not runs_before and not all(has_strings(case) for case in cases)
