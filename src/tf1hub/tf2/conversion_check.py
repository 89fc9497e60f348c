"""Holds a converted module, loaded again from what was written, against the original in a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub.checks.distance import Distance, distance
from tf1hub.checks.generate import Example
from tf1hub.errors import CheckFailedError
from tf1hub.format.saved_model import format_tags
from tf1hub.graph.building import reason
from tf1hub.graph.inputs import convert_inputs
from tf1hub.progress import Say
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.tf2.conversion import Compared
from tf1hub.tf2.original import FAILURES, Expected, by_chance, random_ops
from tf1hub.tf2.parts import flatten, part_names
from tf1hub.tf2.serving import as_keywords
from tf1hub.tf2.signature_functions import input_types
from tf1hub.tf2.variables import updated_nodes


@dataclass(frozen=True)
class _Try:
    """One output on one example: how far the conversion is from the original."""

    example: Example
    apart: Distance


def compare(
    original: ModuleSpec,
    expected: Sequence[tuple[Variant, Sequence[Expected]]],
    converted: Any,
    tolerance: float,
    say: Say,
) -> Iterator[Compared]:
    """Yields a row for each output of each signature.

    Args:
        original: what was converted.
        expected: what its variants give, that for inference first.
        converted: what `tf.saved_model.load` made of the conversion.
        tolerance: how far an output may be from the original's, relative to its largest value.
        say: is told what is under way.

    Raises:
        CheckFailedError: the converted module gives other numbers, or fails; all such outputs are named.
    """
    faults: list[str] = []
    for number, (variant, signatures) in enumerate(expected):
        call = Training(converted, updated_nodes([variant])) if number else Inference(converted)
        for signature in signatures:
            say(f"comparing {signature.signature!r} of {format_tags(variant.tags)}")
            check = SignatureCheck(original, variant, signature, call, tolerance)
            with _unoptimized():
                yield from check.rows()
            faults += check.faults
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults)
        raise CheckFailedError(
            f"The conversion of {original.name} does not compute what the module computes, so it was not kept:{listed}"
        )


@contextlib.contextmanager
def _unoptimized() -> Iterator[None]:
    """Runs functions without optimizing them; optimizing one takes far longer than running it a few times."""
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


class Inference:
    """The converted module as programs and as serving tools call it."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._calls = _Calls(module, training=False)

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs in both ways, as dense tensors."""
        called = self._calls(variant, signature, inputs)
        keywords = as_keywords(flatten(inputs, variant.inputs(signature)))
        return [called, self._module.signatures[signature](**keywords)]


class Training:
    """The converted module as training programs call it.

    Args:
        module: the converted module.
        updated: names of variables that the calls write.
    """

    def __init__(self, module: Any, updated: set[str]) -> None:
        self._calls = _Calls(module, training=True)
        # Each call starts from the statistics that the original has.
        written = [variable for variable in module.variables if variable.name.removesuffix(":0") in updated]
        self._statistics = [(variable, variable.numpy()) for variable in written]

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs as dense tensors."""
        outputs = self._calls(variant, signature, inputs)
        for variable, value in self._statistics:
            variable.assign(value)
        return [outputs]


class _Calls:
    """Calls a converted module.

    Inside a function, which takes inputs of all sizes: called by itself, what TensorFlow restored is traced
    and prepared anew for each.
    """

    def __init__(self, module: Any, training: bool) -> None:
        self._module = module
        self._training = training
        self._functions: dict[str, Any] = {}

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
        infos = variant.outputs(signature)

        def call(given: dict[str, Any] | None) -> dict[str, Any]:
            module = self._module
            return flatten(module(given, training=self._training, signature=signature, as_dict=True), infos)

        if not inputs:
            return call(None)
        if signature not in self._functions:
            types = input_types(variant.inputs(signature))
            self._functions[signature] = tf.function(call, autograph=False, input_signature=[types])
        outputs: dict[str, Any] = self._functions[signature](inputs)
        return outputs


class SignatureCheck:
    """The comparison of one signature.

    Args:
        original: what was converted.
        variant: whose signature it is.
        expected: what the original gives.
        converted: calls the converted module.
        tolerance: how far outputs may be apart, relative to the largest value.
    """

    def __init__(
        self,
        original: ModuleSpec,
        variant: Variant,
        expected: Expected,
        converted: Inference | Training,
        tolerance: float,
    ) -> None:
        self._original = original
        self._variant = variant
        self._expected = expected
        self._converted = converted
        self._tolerance = tolerance
        self._infos = variant.outputs(expected.signature)
        self.faults: list[str] = []

    def rows(self) -> Iterator[Compared]:
        """Compares, and yields a row for each output."""
        tries: dict[str, list[_Try]] = {name: [] for name in self._infos}
        for example, expected in self._expected.runs:
            results = self._run(example)
            for name in self._infos if results else ():
                found = max((_apart(result[name], expected[name]) for result in results), key=_relative)
                tries[name].append(_Try(example, found))
        for name in self._infos:
            why_random = self._why_random(name, tries[name])
            if why_random:
                tries[name] = []
            self.faults.extend(self._faults(name, tries[name]))
            worst = max((one.apart for one in tries[name]), key=_relative, default=None)
            yield Compared(
                variant=format_tags(self._variant.tags),
                signature=self._expected.signature,
                output=name,
                inputs=tuple(one.example.words for one in tries[name]),
                max_abs=None if worst is None else worst.absolute,
                max_rel=None if worst is None else worst.relative,
                not_compared=why_random or self._expected.failure,
            )

    def _why_random(self, output: str, tries: Sequence[_Try]) -> str:
        """Why the output cannot be compared; empty if it can, and if all results agree."""
        differs = [one.example for one in tries if one.apart.relative > self._tolerance]
        if not differs:
            return ""
        ops = random_ops(self._variant, self._infos[output])
        if ops:
            return f"it depends on chance: {', '.join(ops)}"
        again = by_chance(self._original, self._variant, self._expected.signature, differs)
        apart = max((_apart(one[output], other[output]).relative for one, other in again), default=0.0)
        if apart > self._tolerance:
            return f"the original's own results differ from run to run, by {apart:.2g} of the largest value"
        return ""

    def _run(self, example: Example) -> list[dict[str, list[Any]]]:
        """The dense arrays of each output, for each way of calling."""
        signature = self._expected.signature
        infos = self._variant.inputs(signature)
        try:
            inputs = convert_inputs(dict(example.feeds), infos, signature, self._variant.place)
            return [
                {
                    name: [outputs[part].numpy() for part in part_names(name, self._infos)]
                    for name in self._infos
                }
                for outputs in self._converted(self._variant, signature, inputs)
            ]
        except FAILURES as error:
            words = f"fails on {example.words}, on which the original does not: {reason(error)}"
            self.faults.append(f"{self._place()} {words}")
            return []

    def _faults(self, output: str, tries: Sequence[_Try]) -> Iterator[str]:
        for one in tries:
            if one.apart.relative > self._tolerance:
                yield (
                    f"{self._place()} gives an output {output!r} that differs by up to {one.apart.absolute:.3g}, "
                    f"{one.apart.relative:.2g} of its largest value (allowed: {self._tolerance:.2g}), on {one.example.words}"
                )

    def _place(self) -> str:
        training = " with training=True" if isinstance(self._converted, Training) else ""
        return f"the signature {self._expected.signature!r}{training}"


def _apart(ours: Sequence[Any], theirs: Sequence[Any]) -> Distance:
    return max(map(distance, ours, theirs), key=_relative)


def _relative(found: Distance) -> float:
    return found.relative
