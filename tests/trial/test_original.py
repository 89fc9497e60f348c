"""The variants of an original share their variables while nothing that they compute depends on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.trial.chance import leaves_state
from tf1hub.trial.original import Original

tf1 = tf.compat.v1
TRAIN = {"train"}


def counted(writes: bool) -> Any:
    """A module whose second variant adds a variable, and whose first may count its runs."""

    def module_fn(trained: bool) -> None:
        x = tf1.placeholder(tf.float32, [])
        count = tf1.get_variable("count", initializer=1.0)
        read = tf1.assign_add(count, 1.0) if writes else count.read_value()
        y = x * read
        if trained:
            y += tf1.get_variable("offset", initializer=100.0)
        hub.add_signature(inputs=x, outputs=y)

    return hub.create_module_spec(module_fn, [(set(), {"trained": False}), (TRAIN, {"trained": True})])


def sessions_made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []
    session = tf1.Session

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(session(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(tf1, "Session", make)
    return made


def results(original: Original, spec: Any, tags: set[str]) -> list[float]:
    with original.open(spec.variant(tags)) as evaluate:
        feeds = {"default": np.float32(2.0)}
        return [float(evaluate("default", feeds)["default"][0]) for _ in range(2)]


@pytest.mark.parametrize("writes", [False, True])
def test_variants_share_a_session_where_no_run_changes_another(
    monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    made, spec = sessions_made(monkeypatch), counted(writes)
    original = Original(spec)
    with original.sharing():
        found = results(original, spec, set()), results(original, spec, TRAIN)
    assert found == (([4.0, 6.0], [104.0, 106.0]) if writes else ([2.0, 2.0], [102.0, 102.0]))
    assert leaves_state(spec.variant()) is writes
    assert len(made) == 1 + writes
    # Outside of it each has its own, as ever.
    assert results(original, spec, TRAIN) == found[1]
    assert len(made) == 2 + writes


def test_calls_that_start_over_share_a_session_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made, spec = sessions_made(monkeypatch), counted(True)
    original = Original(spec, fresh=True)
    with original.sharing():
        assert (results(original, spec, set()), results(original, spec, TRAIN)) == (
            [4.0, 4.0],
            [104.0, 104.0],
        )
    assert len(made) == 1
    assert results(original, spec, set()) == [4.0, 4.0]
    assert len(made) == 2


def test_what_is_kept_elsewhere_takes_a_session_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.string, [])
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
        with tf.control_dependencies([table.insert(x, 1)]):
            hub.add_signature(inputs=x, outputs=table.size())

    spec = hub.create_module_spec(module_fn, drop_collections=["saveable_objects"])
    made, original = sessions_made(monkeypatch), Original(spec, fresh=True)
    with original.sharing(), original.open(spec.variant()) as evaluate:
        sizes = [int(evaluate("default", {"default": np.array(word)})["default"][0]) for word in ("a", "b")]
    assert sizes == [1, 1]
    assert len(made) == 3


def test_lists_that_a_run_makes_are_no_state() -> None:
    def module_fn() -> None:
        x = tf1.placeholder(tf.float32, [3])
        array = tf.TensorArray(tf.float32, 3).unstack(x)
        hub.add_signature(inputs=x, outputs=tf.scatter_nd([[0]], [array.read(1)], [2]))

    assert not leaves_state(hub.create_module_spec(module_fn).variant())


def test_variants_that_cannot_share_have_a_session_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def module_fn(size: int) -> None:
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([size], tf.int64)), -1
        )
        hub.add_signature(inputs=(x := tf1.placeholder(tf.string, [None])), outputs=table.lookup(x))

    spec = hub.create_module_spec(module_fn, [(set(), {"size": 1}), (TRAIN, {"size": 2})])
    made, original = sessions_made(monkeypatch), Original(spec)
    with original.sharing():
        for tags, size in ((set(), 1), (TRAIN, 2)):
            with original.open(spec.variant(tags)) as evaluate:
                assert evaluate("default", {"default": np.array(["a"])})["default"][0].tolist() == [size]
    assert len(made) == 2
