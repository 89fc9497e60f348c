"""What a module computes in a graph: the numbers that its conversion has to give."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tf1hub.checks.generate import CannotGenerateError, Example, examples
from tf1hub.checks.run import image_size
from tf1hub.errors import Error, InputError
from tf1hub.format.saved_model import format_tags
from tf1hub.graph.building import reason
from tf1hub.graph.evaluate import evaluating
from tf1hub.graph.inputs import convert_inputs
from tf1hub.graphdef.walk import ancestors, functions_used
from tf1hub.progress import Say
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

Given: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Inputs that a caller gives, by signature."""

FAILURES = (tf.errors.OpError, Error, ValueError, TypeError)
"""What running a signature on unsuitable inputs raises."""

_RANDOM = re.compile("Random|Multinomial|TruncatedNormal|Stateful(StandardNormal|Uniform)")
Arrays: TypeAlias = dict[str, list[Any]]
"""The dense arrays of each output."""

_Evaluate: TypeAlias = Callable[[Example], Arrays]
_GUESSES = 8
"""How many lengths are tried that only the sizes of variables suggest."""


@dataclass(frozen=True)
class Expected:
    """What a signature of the original gives.

    Attributes:
        signature: its name.
        runs: inputs, and the outputs on them; of each output its dense arrays.
        failure: why there are no runs, or none on some of the inputs; else empty.
    """

    signature: str
    runs: list[tuple[Example, Arrays]]
    failure: str


def run_original(spec: ModuleSpec, variant: Variant, given: Given, say: Say) -> list[Expected]:
    """Runs all signatures of a variant.

    Args:
        spec: the module.
        variant: which of its variants.
        given: inputs to use instead of generated ones.
        say: is told what is under way.
    """
    found = []
    with _evaluating(spec, variant) as evaluate:
        for name in variant.signature_names:
            say(f"running {name!r} of {format_tags(variant.tags)}")
            found.append(_run(variant, name, functools.partial(evaluate, name), given.get(name)))
    return found


def by_chance(
    spec: ModuleSpec, variant: Variant, signature: str, inputs: Sequence[Example]
) -> list[tuple[Arrays, Arrays]]:
    """Runs a signature twice on each of some inputs: what it gives may depend on more than these."""
    with _evaluating(spec, variant) as evaluate:
        return [(evaluate(signature, example), evaluate(signature, example)) for example in inputs]


@contextlib.contextmanager
def _evaluating(spec: ModuleSpec, variant: Variant) -> Iterator[Callable[[str, Example], Arrays]]:
    """Gives a function from a signature and inputs to outputs."""
    # Optimizing a graph takes far longer than running it a few times.
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    with evaluating(spec, variant.tags, config) as function:

        def evaluate(signature: str, example: Example) -> Arrays:
            outputs = function(dict(example.feeds), signature=signature, as_dict=True)
            return {key: _arrays(value) for key, value in outputs.items()}

        yield evaluate


def check_given(given: Given, variant: Variant) -> None:
    """Refuses inputs that a variant's signatures do not take.

    Raises:
        UnknownSignatureError: there is no such signature.
        InputError: they are no lists of dicts, or an input is missing, extra, or of another type or shape.
    """
    for name, feeds in given.items():
        infos = variant.inputs(variant.check_signature(name))
        if isinstance(feeds, Mapping | str) or not all(isinstance(feed, Mapping) for feed in feeds):
            raise InputError(
                f"examples= takes for each signature a list of dicts of inputs; for {name!r} it was given "
                f"{type(feeds).__name__}. Write examples={{{name!r}: [{{{', '.join(f'{key!r}: ...' for key in infos)}}}]}}."
            )
        for feed in feeds:
            convert_inputs(dict(feed), infos, name, variant.place)


def random_ops(variant: Variant, output: ParsedTensorInfo) -> list[str]:
    """The op types that make an output depend on chance."""
    library = variant.meta_graph.graph_def.library
    nodes = [variant.nodes[name] for name in ancestors(variant.nodes, output.tensor_names)]
    used = functions_used(nodes, library)
    bodies = [function.node_def for function in library.function if function.signature.name in used]
    types = {node.op for part in [nodes, *bodies] for node in part}
    return sorted(op for op in types if _RANDOM.search(op) and not op.startswith("Stateless"))


def _run(
    variant: Variant, signature: str, evaluate: _Evaluate, given: Sequence[Mapping[str, Any]] | None
) -> Expected:
    if given is not None:
        return _tried(
            signature, evaluate, (Example(feeds, None, f"example {i}") for i, feeds in enumerate(given, 1))
        )
    inputs, size = variant.inputs(signature), image_size(variant)
    expected = _tried(signature, evaluate, examples(inputs, size))
    if expected.runs:
        return expected
    # An open dimension is often that of a weight in truth.
    for length in _sizes_of_variables(variant)[:_GUESSES]:
        guessed = _tried(signature, evaluate, examples(inputs, size, (length,)))
        if guessed.runs:
            return guessed
    return expected


def _tried(signature: str, evaluate: _Evaluate, inputs: Iterable[Example]) -> Expected:
    runs: list[tuple[Example, Arrays]] = []
    failure = ""
    try:
        for example in inputs:
            try:
                runs.append((example, evaluate(example)))
            except FAILURES as error:
                failure = f"the original itself fails on {example.words}: {reason(error)}"
    except CannotGenerateError as error:
        failure = str(error)
    return Expected(signature, runs, failure)


def _sizes_of_variables(variant: Variant) -> list[int]:
    shapes = [declared_type(variant, variable)[1] or () for variable in variant.variables]
    return list(dict.fromkeys(size for shape in shapes for size in shape if 1 < size < 10_000))


def _arrays(value: Any) -> list[Any]:
    """The arrays of an output of a session, in the order of its parts' names."""
    if isinstance(value, tf.compat.v1.SparseTensorValue):
        return list(value)
    if isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
        return [value.flat_values, *value.nested_row_splits]
    return [value]
