"""The outputs of a module's signatures on generated inputs. Needs no TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from tf1hub.errors import InputError
from tf1hub.format.saved_model import format_tags
from tf1hub.progress import Say
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.variant import Variant
from tf1hub.trial.arrays_on_disk import ArrayFile, values_in_memory
from tf1hub.trial.chance import depends_on_chance
from tf1hub.trial.distance import TOLERANCE, distance
from tf1hub.trial.generate import LENGTHS, CannotGenerateError, Example, examples, image_size
from tf1hub.trial.shared_runs import Arrays, CannotRunError, Evaluate, NotTakenError, SharedRuns

Given: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""Inputs that a caller gives, by signature."""

_GUESSES = 8
"""How many lengths are tried that only the sizes of variables suggest."""


class Oracle(Protocol):
    """What computes what a conversion has to give: the module in a graph, or on another engine."""

    def check(self, variant: Variant, signature: str, feeds: Mapping[str, Any]) -> None:
        """Refuses inputs that a signature does not take.

        Raises:
            InputError: an input is missing, extra, or of another type or shape.
        """
        ...

    def sharing(self) -> AbstractContextManager[None]:
        """A context in which the variants that are opened may share what costs time, where no number depends on it."""
        ...

    def open(self, variant: Variant) -> AbstractContextManager[Evaluate]:
        """A context in which the signatures of a variant run."""
        ...


@dataclass(frozen=True)
class Expected:
    """What a signature of the original gives.

    Attributes:
        signature: its name.
        runs: inputs, and the outputs on them.
        failure: why there are no runs, or none on some of the inputs; else empty.
    """

    signature: str
    runs: list[tuple[Example, Arrays]]
    failure: str


def run_signatures(
    oracle: Oracle,
    variant: Variant,
    signatures: Collection[str],
    given: Given,
    file: ArrayFile,
    say: Say,
    takes: Callable[[str, Mapping[str, Any]], None] | None = None,
) -> list[Expected]:
    """Runs signatures of a variant.

    Args:
        oracle: runs them.
        variant: whose they are.
        signatures: their names.
        given: inputs to use instead of generated ones.
        file: takes the inputs, and what they give.
        say: is told what is under way.
        takes: raises NotTakenError for inputs of a signature that are not to be tried; None: all are.

    Raises:
        InputError: `given` has such inputs.
    """
    found = []
    with oracle.open(variant) as evaluate:

        def evaluate_and_keep(signature: str, feeds: Mapping[str, Any]) -> Arrays:
            return file.keep(evaluate(signature, feeds))

        runs = SharedRuns(variant, signatures, evaluate_and_keep)

        def run_taken(signature: str, feeds: Mapping[str, Any]) -> Arrays:
            if takes is not None:
                takes(signature, feeds)
            return runs(signature, feeds)

        for name in signatures:
            say(f"running {name!r} of {format_tags(variant.tags)}")
            found.append(_Runs(variant, name, run_taken, evaluate, file).run(given.get(name)))
    return found


def run_twice(
    oracle: Oracle, variant: Variant, signature: str, inputs: Sequence[Example]
) -> list[tuple[Arrays, Arrays]]:
    """Runs a signature twice on each of some inputs: what it gives may depend on more than these."""
    with oracle.open(variant) as evaluate:
        given = (values_in_memory(example.feeds) for example in inputs)
        return [(evaluate(signature, feeds), evaluate(signature, feeds)) for feeds in given]


def check_given(given: Given, variant: Variant, oracle: Oracle) -> None:
    """Refuses inputs that a variant's signatures do not take.

    Raises:
        UnknownSignatureError: there is no such signature.
        InputError: they are no lists of dicts, or an input is missing, extra, or of another type or shape.
    """
    if not isinstance(given, Mapping):
        raise InputError(
            "examples= takes a dict from the name of a signature to a list of dicts of inputs; it was given "
            f"{type(given).__name__}. Write examples={{'default': [{{'default': ...}}]}}."
        )
    for name, feeds in given.items():
        infos = variant.inputs(variant.check_signature(name))
        if isinstance(feeds, Mapping | str) or not _are_dicts(feeds):
            raise InputError(
                f"examples= takes for each signature a list of dicts of inputs; for {name!r} it was given "
                f"{type(feeds).__name__}. Write examples={{{name!r}: [{{{', '.join(f'{key!r}: ...' for key in infos)}}}]}}."
            )
        for feed in feeds:
            oracle.check(variant, name, feed)


def _are_dicts(feeds: object) -> bool:
    return isinstance(feeds, Iterable) and all(isinstance(feed, Mapping) for feed in feeds)


class _Runs:
    """The runs of one signature.

    Args:
        variant: whose signature it is.
        signature: its name.
        evaluate: gives what it gives.
        again: the same, computed anew.
        file: takes the inputs.
    """

    def __init__(
        self, variant: Variant, signature: str, evaluate: Evaluate, again: Evaluate, file: ArrayFile
    ) -> None:
        self._variant = variant
        self._signature = signature
        self._evaluate = evaluate
        self._again = again
        self._file = file
        self._not_taken: list[str] = []

    def run(self, given: Sequence[Mapping[str, Any]] | None) -> Expected:
        """Runs it on inputs that a caller gives, or on generated ones."""
        if given is not None:
            return self._try_given(given)
        if depends_on_chance(self._variant, self._signature):
            one = self._try(itertools.islice(self._examples(), 1))
            if one.runs and self._differs(*one.runs[0]):
                # There is nothing to compare; that the conversion runs at all is seen on one example.
                return one
        expected = self._try(self._examples())
        if expected.runs:
            return expected
        # An open dimension is often that of a weight in truth.
        for length in _sizes_of_variables(self._variant)[:_GUESSES]:
            guessed = self._try(self._examples((length,)))
            if guessed.runs:
                return guessed
        guessed = self._try(self._examples(long=True))
        return guessed if guessed.runs else expected

    def _try_given(self, given: Sequence[Mapping[str, Any]]) -> Expected:
        found = self._try(Example(feeds, None, f"example {i}") for i, feeds in enumerate(given, 1))
        if self._not_taken:
            raise InputError(
                f"examples= has inputs of the signature {self._signature!r} that the form does not take: "
                f"{'; '.join(self._not_taken)}. Give others, or none."
            )
        return found

    def _examples(self, lengths: tuple[int, ...] = LENGTHS, long: bool = False) -> Iterator[Example]:
        inputs = self._variant.inputs(self._signature)
        return examples(inputs, image_size(self._variant), lengths, together=True, long=long)

    def _differs(self, example: Example, arrays: Arrays) -> bool:
        """Whether another run on the same inputs gives another value for each output."""
        try:
            again = self._again(self._signature, values_in_memory(example.feeds))
        except CannotRunError:
            return False
        return all(
            max(distance(*pair).relative for pair in zip(again[name], arrays[name], strict=True)) > TOLERANCE
            for name in arrays
        )

    def _try(self, inputs: Iterable[Example]) -> Expected:
        runs: list[tuple[Example, Arrays]] = []
        failure = ""
        try:
            for example in inputs:
                try:
                    arrays = self._evaluate(self._signature, example.feeds)
                    waiting = replace(example, feeds=self._file.keep_values(example.feeds))
                    runs.append((waiting, arrays))
                except CannotRunError as error:
                    if isinstance(error, NotTakenError):
                        self._not_taken.append(f"{example.words} ({error})")
                    who = (
                        "the form does not take"
                        if isinstance(error, NotTakenError)
                        else "the original itself fails on"
                    )
                    failure = f"{who} {example.words}: {error}"
        except CannotGenerateError as error:
            failure = str(error)
        return Expected(self._signature, runs, failure)


def _sizes_of_variables(variant: Variant) -> list[int]:
    shapes = [declared_type(variant, variable)[1] or () for variable in variant.variables]
    return list(dict.fromkeys(size for shape in shapes for size in shape if 1 < size < 10_000))
