"""Signatures of which one gives all that another gives are run once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tf1hub.format.messages_pb2 import MetaGraphDef, TensorInfo
from tf1hub.spec.variant import Variant
from tf1hub.trial.shared_runs import Arrays, CannotRunError, SharedRuns


def variant(**signatures: tuple[dict[str, str], dict[str, str]]) -> Variant:
    """A variant with signatures, each of which names its inputs' and its outputs' tensors."""
    graph = MetaGraphDef()
    for name, (inputs, outputs) in signatures.items():
        definition = graph.signature_def[name]
        for infos, tensors in ((definition.inputs, inputs), (definition.outputs, outputs)):
            for key, tensor in tensors.items():
                infos[key].CopyFrom(TensorInfo(name=tensor, dtype=1))
    return Variant(graph, "module")


class Graph:
    """What runs signatures: tensor `n:0` is the input `x:0` and n."""

    def __init__(self, variant: Variant, broken: str = "") -> None:
        self.ran: list[str] = []
        self._variant = variant
        self._broken = broken

    def __call__(self, signature: str, feeds: Mapping[str, Any]) -> Arrays:
        self.ran.append(signature)
        if signature == self._broken:
            raise CannotRunError("broken")
        (value,) = feeds.values()
        infos = self._variant.outputs(signature)
        return {name: [value + float(info.tensor_names[0][:-2])] for name, info in infos.items()}


COMMON = variant(
    default=({"default": "x:0"}, {"default": "3:0"}),
    features=({"images": "x:0"}, {"default": "3:0", "inner": "1:0"}),
    other=({"images": "y:0"}, {"default": "3:0"}),
)


def test_the_wider_signature_answers_for_the_other() -> None:
    graph = Graph(COMMON)
    shared = SharedRuns(COMMON, ["default", "features", "other"], graph)
    x = np.float32([1.0, 2.0])
    assert shared("default", {"default": x})["default"][0].tolist() == [4.0, 5.0]
    found = shared("features", {"images": x.copy()})
    assert {name: array.tolist() for name, (array,) in found.items()} == {
        "default": [4.0, 5.0],
        "inner": [2.0, 3.0],
    }
    assert graph.ran == ["features"]
    shared("other", {"images": x})
    assert graph.ran == ["features", "other"]


def test_other_inputs_are_run() -> None:
    graph = Graph(COMMON)
    shared = SharedRuns(COMMON, ["default", "features"], graph)
    assert shared("default", {"default": np.float32([1.0])})["default"][0].tolist() == [4.0]
    assert shared("features", {"images": np.float32([2.0])})["default"][0].tolist() == [5.0]
    assert shared("features", {"images": np.float64([2.0])})["default"][0].dtype == np.float64
    assert graph.ran == ["features", "features", "features"]


def test_where_the_wider_signature_fails_the_other_runs_alone() -> None:
    graph = Graph(COMMON, broken="features")
    shared = SharedRuns(COMMON, ["default", "features"], graph)
    assert shared("default", {"default": np.float32([1.0])})["default"][0].tolist() == [4.0]
    with pytest.raises(CannotRunError):
        shared("features", {"images": np.float32([1.0])})


def test_a_signature_that_gives_something_else_is_run() -> None:
    apart = variant(one=({"x": "x:0"}, {"a": "1:0"}), two=({"x": "x:0"}, {"b": "2:0"}))
    graph = Graph(apart)
    shared = SharedRuns(apart, ["one", "two"], graph)
    x = np.float32([1.0])
    assert shared("one", {"x": x})["a"][0].tolist() == [2.0]
    assert shared("two", {"x": x})["b"][0].tolist() == [3.0]
    assert graph.ran == ["one", "two"]
