"""Compares a converted module, opened from disk, with the original. Needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tf1hub.errors import CheckFailedError
from tf1hub.format.saved_model import format_tags
from tf1hub.progress import Say
from tf1hub.spec.variant import Variant
from tf1hub.trial.arrays_on_disk import values_in_memory
from tf1hub.trial.chance import random_ops
from tf1hub.trial.compared import Compared
from tf1hub.trial.distance import Distance, distance
from tf1hub.trial.expected import Expected, Oracle, run_twice
from tf1hub.trial.generate import Example
from tf1hub.trial.shared_runs import Arrays, CannotRunError


class Opened(Protocol):
    """A converted module, opened again."""

    def __call__(
        self, variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]
    ) -> Iterable[Arrays]:
        """Yields the outputs, for each way in which what was written can be called.

        Args:
            variant: the original's.
            signature: its name.
            training: whether to call it with `training=True`.
            feeds: a value for each input.

        Raises:
            CannotRunError: it fails on these inputs.
        """
        ...


@dataclass(frozen=True)
class _Try:
    """One output on one example: how far the conversion is from the original."""

    example: Example
    apart: Distance


def compare(
    module: str,
    oracle: Oracle,
    expected: Sequence[tuple[Variant, Sequence[Expected]]],
    converted: Opened,
    tolerance: float,
    say: Say,
) -> Iterator[Compared]:
    """Yields a row for each output of each signature.

    Args:
        module: the original in words.
        oracle: what computed `expected`.
        expected: what the original's variants give, that for inference first.
        converted: the conversion, opened again.
        tolerance: how far an output may be from the original's, relative to its largest value.
        say: is told what is under way.

    Raises:
        CheckFailedError: the converted module gives other numbers, or fails; all such outputs are named.
    """
    faults: list[str] = []
    for number, (variant, signatures) in enumerate(expected):
        for signature in signatures:
            say(f"comparing {signature.signature!r} of {format_tags(variant.tags)}")
            check = SignatureCheck(oracle, variant, signature, converted, number > 0, tolerance)
            yield from check.rows()
            faults += check.faults
    if faults:
        listed = "".join(f"\n  - {fault}" for fault in faults)
        raise CheckFailedError(
            f"The conversion of {module} does not compute what the module computes, so it was not kept:{listed}"
        )


class SignatureCheck:
    """The comparison of one signature.

    Args:
        oracle: what computed `expected`.
        variant: whose signature it is.
        expected: what the original gives.
        converted: the conversion, opened again.
        training: whether it is called with `training=True`.
        tolerance: how far outputs may be apart, relative to the largest value.
    """

    def __init__(
        self,
        oracle: Oracle,
        variant: Variant,
        expected: Expected,
        converted: Opened,
        training: bool,
        tolerance: float,
    ) -> None:
        self._oracle = oracle
        self._variant = variant
        self._expected = expected
        self._converted = converted
        self._training = training
        self._tolerance = tolerance
        self._infos = variant.outputs(expected.signature)
        self.faults: list[str] = []

    def rows(self) -> Iterator[Compared]:
        """Compares, and yields a row for each output."""
        tries: dict[str, list[_Try]] = {name: [] for name in self._infos}
        for example, expected in self._expected.runs:
            for name, found in self._run(example, expected).items():
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
        again = run_twice(self._oracle, self._variant, self._expected.signature, differs)
        apart = max((_apart(one[output], other[output]).relative for one, other in again), default=0.0)
        if apart > self._tolerance:
            return f"the original's own results differ from run to run, by {apart:.2g} of the largest value"
        return ""

    def _run(self, example: Example, expected: Arrays) -> dict[str, Distance]:
        """The distance of each output from what is expected: the largest over all ways of calling. Empty where one fails."""
        found: dict[str, Distance] = {}
        signature = self._expected.signature
        try:
            feeds = values_in_memory(example.feeds)
            for result in self._converted(self._variant, signature, self._training, feeds):
                for name in self._infos:
                    apart = _apart(result[name], expected[name])
                    found[name] = max(found.get(name, apart), apart, key=_relative)
        except CannotRunError as error:
            words = f"fails on {example.words}, on which the original does not: {error}"
            self.faults.append(f"{self._where()} {words}")
            return {}
        return found

    def _faults(self, output: str, tries: Sequence[_Try]) -> Iterator[str]:
        for one in tries:
            if one.apart.relative > self._tolerance:
                yield (
                    f"{self._where()} gives an output {output!r} that differs by up to {one.apart.absolute:.3g}, "
                    f"{one.apart.relative:.2g} of its largest value (allowed: {self._tolerance:.2g}), on {one.example.words}"
                )

    def _where(self) -> str:
        training = " with training=True" if self._training else ""
        return f"the signature {self._expected.signature!r}{training}"


def _apart(ours: Sequence[Any], theirs: Sequence[Any]) -> Distance:
    return max(map(distance, ours, theirs), key=_relative)


def _relative(found: Distance) -> float:
    return found.relative
