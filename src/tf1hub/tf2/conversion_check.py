"""Holds a converted module, loaded again from what was written, against the original in a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tf1hub.checks.distance import Distance, distance
from tf1hub.checks.generate import Example
from tf1hub.checks.run import reason
from tf1hub.errors import CheckFailedError
from tf1hub.format.saved_model import format_tags
from tf1hub.graph.inputs import convert_inputs
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.tf2.conversion import Compared
from tf1hub.tf2.original import FAILURES, Expected, Given, random_ops, run_original
from tf1hub.tf2.serving import as_keywords, flatten, part_names


@dataclass(frozen=True)
class _Try:
    """One output on one example.

    Attributes:
        words: the example.
        apart: the conversion from the original.
        by_chance: the original from itself.
    """

    words: str
    apart: Distance
    by_chance: Distance


def compare(
    spec: ModuleSpec,
    variants: Sequence[Variant],
    converted: Any,
    given: Given,
    tolerance: float,
    say: Callable[[str], None],
) -> Iterator[Compared]:
    """Yields a row for each output of each signature.

    Args:
        spec: the original.
        variants: those that run without and with `training=True`.
        converted: what `tf.saved_model.load` made of the conversion.
        given: inputs to use instead of generated ones.
        tolerance: how far an output may be from the original's, relative to its largest value.
        say: is told what is under way.

    Raises:
        CheckFailedError: the converted module gives other numbers, or fails; all such outputs are named.
    """
    faults: list[str] = []
    for variant in dict.fromkeys(variants):
        call = Inference(converted) if variant is variants[0] else Training(converted)
        for expected in run_original(spec, variant, given, say):
            say(f"comparing {expected.signature!r} of {format_tags(variant.tags)}")
            check = SignatureCheck(variant, expected, call, tolerance)
            yield from check.rows()
            faults += check.faults
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults)
        raise CheckFailedError(
            f"The conversion of {spec.name} does not compute what the module computes, so it was not kept:{listed}"
        )


class Inference:
    """The converted module as programs and as serving tools call it."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs in both ways, as dense tensors."""
        infos = variant.outputs(signature)
        called = self._module(inputs or None, signature=signature, as_dict=True)
        keywords = as_keywords(flatten(inputs, variant.inputs(signature)))
        return [flatten(called, infos), self._module.signatures[signature](**keywords)]


class Training:
    """The converted module as training programs call it."""

    def __init__(self, module: Any) -> None:
        self._module = module
        # Each call starts from the statistics that the original has.
        self._statistics = [(v, v.numpy()) for v in module.variables if not v.trainable]

    def __call__(self, variant: Variant, signature: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The outputs as dense tensors."""
        outputs = self._module(inputs or None, training=True, signature=signature, as_dict=True)
        for variable, value in self._statistics:
            variable.assign(value)
        return [flatten(outputs, variant.outputs(signature))]


class SignatureCheck:
    """The comparison of one signature.

    Args:
        variant: whose signature it is.
        expected: what the original gives.
        converted: calls the converted module.
        tolerance: how far outputs may be apart, relative to the largest value.
    """

    def __init__(
        self, variant: Variant, expected: Expected, converted: Inference | Training, tolerance: float
    ) -> None:
        self._variant = variant
        self._expected = expected
        self._converted = converted
        self._tolerance = tolerance
        self._infos = variant.outputs(expected.signature)
        self.faults: list[str] = []

    def rows(self) -> Iterator[Compared]:
        """Compares, and yields a row for each output."""
        tries: dict[str, list[_Try]] = {name: [] for name in self._infos}
        for example, expected, again in self._expected.runs:
            results = self._run(example)
            for name in self._infos if results else ():
                found = max((_apart(result[name], expected[name]) for result in results), key=_relative)
                tries[name].append(_Try(example.words, found, _apart(expected[name], again[name])))
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
                inputs=tuple(one.words for one in tries[name]),
                max_abs=None if worst is None else worst.absolute,
                max_rel=None if worst is None else worst.relative,
                not_compared=why_random or self._expected.failure,
            )

    def _why_random(self, output: str, tries: Sequence[_Try]) -> str:
        """Why there is nothing to compare with; empty where there is."""
        by_chance = max((one.by_chance.relative for one in tries), default=0.0)
        ops = random_ops(self._variant, self._infos[output])
        if ops and any(max(one.apart.relative, one.by_chance.relative) > self._tolerance for one in tries):
            return f"it depends on chance: {', '.join(ops)}"
        if by_chance > self._tolerance:
            return (
                f"the original's own results differ from run to run, by {by_chance:.2g} of the largest value"
            )
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
                    f"{one.apart.relative:.2g} of its largest value (allowed: {self._tolerance:.2g}), on {one.words}"
                )

    def _place(self) -> str:
        training = " with training=True" if isinstance(self._converted, Training) else ""
        return f"the signature {self._expected.signature!r}{training}"


def _apart(ours: Sequence[Any], theirs: Sequence[Any]) -> Distance:
    return max(map(distance, ours, theirs), key=_relative)


def _relative(found: Distance) -> float:
    return found.relative
