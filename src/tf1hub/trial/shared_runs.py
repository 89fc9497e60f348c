"""Runs the signatures of a variant, and computes once what several of them share. Needs no TensorFlow.

The signatures that publishers agreed on come in pairs: `"default"` takes what `"image_feature_vector"` takes, and gives one
of the tensors that this one gives. What a tensor of a graph is does not depend on what else is asked for, so one run
answers for both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

Arrays: TypeAlias = dict[str, list[Any]]
"""The dense arrays of each output, in the order in which the signature names their tensors."""


class CannotRunError(Exception):
    """A signature does not run on some inputs; the message says why."""


class NotTakenError(CannotRunError):
    """A form does not take some inputs that the signature takes; the message says why."""


Evaluate: TypeAlias = Callable[[str, Mapping[str, Any]], Arrays]
"""Runs a signature on a value for each input; raises CannotRunError where it does not run on these."""

_TensorNames: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class _Known:
    """One run: the values that were fed, and the arrays that came out, by the tensors of the graph."""

    given: Mapping[_TensorNames, Any]
    arrays: Mapping[_TensorNames, list[Any]]


class SharedRuns:
    """An `Evaluate` of some signatures, which takes a run of another one where that says the same.

    Args:
        variant: whose signatures they are.
        signatures: their names.
        evaluate: runs one.
    """

    def __init__(self, variant: Variant, signatures: Collection[str], evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._inputs = {name: _by_tensors(variant.inputs(name)) for name in signatures}
        self._outputs = {name: _by_tensors(variant.outputs(name)) for name in signatures}
        self._widest = {name: self._widest_for(name) for name in signatures}
        self._known: dict[str, list[_Known]] = {widest: [] for widest in self._widest.values()}

    def __call__(self, signature: str, feeds: Mapping[str, Any]) -> Arrays:
        """The arrays of each output; raises CannotRunError where it does not run on these."""
        widest = self._widest[signature]
        if list(self._widest.values()).count(widest) == 1:
            return self._evaluate(signature, feeds)
        given = {tensors: feeds[name] for tensors, name in self._inputs[signature].items() if name in feeds}
        found = next((one for one in self._known[widest] if _same(one.given, given)), None)
        if found is None:
            renamed = {self._inputs[widest][tensors]: value for tensors, value in given.items()}
            try:
                arrays = self._evaluate(widest, renamed)
            except CannotRunError:
                # It may be what the other one gives beyond it that fails.
                return self._evaluate(signature, feeds)
            found = _Known(given, {tensors: arrays[name] for tensors, name in self._outputs[widest].items()})
            self._known[widest].append(found)
        return {name: found.arrays[tensors] for tensors, name in self._outputs[signature].items()}

    def _widest_for(self, signature: str) -> str:
        """The signature of the same inputs that gives most, among those that give all that one gives."""
        wider = [
            name
            for name in self._inputs
            if self._inputs[name].keys() == self._inputs[signature].keys()
            and self._outputs[name].keys() >= self._outputs[signature].keys()
        ]
        return max(wider, key=lambda name: len(self._outputs[name]))


def _by_tensors(infos: Mapping[str, ParsedTensorInfo]) -> dict[_TensorNames, str]:
    """Names of inputs or outputs, by what they are in the graph."""
    return {(info.describe(), *info.tensor_names): name for name, info in infos.items()}


def _same(one: Mapping[_TensorNames, Any], other: Mapping[_TensorNames, Any]) -> bool:
    return one.keys() == other.keys() and all(_same_value(one[key], other[key]) for key in one)


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    if isinstance(one, tuple) and type(one) is type(other):
        return all(map(_same_value, one, other))
    return one is other
