"""Runs a module's signatures on generated inputs, and compares what comes out with what is declared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.checks.findings import ERROR, WARNING, Finding, Run
from tf1hub.format import dtypes
from tf1hub.format.saved_model import format_tags
from tf1hub.graph import eval_function_for_module
from tf1hub.graph.building import reason
from tf1hub.progress import Say
from tf1hub.spec.inspection import describe_signature
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant
from tf1hub.trial.distance import TOLERANCE, distance
from tf1hub.trial.generate import CannotGenerateError, Example, examples, image_size, rows
from tf1hub.trial.original import FAILURES, as_tensorflow_values
from tf1hub.trust.refusal import why_signature_is_refused, why_state_is_refused


def run_signatures(spec: ModuleSpec, say: Say) -> tuple[list[Run], list[Finding]]:
    """Runs each signature of each variant.

    Args:
        spec: the module.
        say: is told what is under way.

    Returns:
        What was run, and what was found.
    """
    runs: list[Run] = []
    findings: list[Finding] = []
    for variant in spec.variants():
        refused = _find_refused(spec, variant)
        runs += [Run(_where(variant), name, (), 0.0, why) for name, why in refused.items()]
        names = [name for name in variant.signature_names if name not in refused]
        if not names:
            continue
        try:
            with eval_function_for_module(spec, tags=variant.tags) as evaluate:
                for name in names:
                    say(f"running {name!r} of {_where(variant)}")
                    check = _SignatureRuns(variant, name, evaluate)
                    runs.append(check.run())
                    findings.extend(check.findings)
        except FAILURES as error:
            findings.append(
                Finding(
                    "does-not-load",
                    ERROR,
                    f"TensorFlow {tf.__version__} cannot make the variant ready: {reason(error)}",
                    "See the findings on ops and files.",
                    _where(variant),
                )
            )
    return runs, findings


def _find_refused(spec: ModuleSpec, variant: Variant) -> dict[str, str]:
    """The signatures that are not run, each with the reason in a line."""
    state = why_state_is_refused(variant, spec.checkpoint is not None)
    found = {name: state or why_signature_is_refused(variant, name) for name in variant.signature_names}
    return {name: f"not run: {_in_a_line(why)}" for name, why in found.items() if why}


def _in_a_line(why: str) -> str:
    """What a refusal lists; of one that lists nothing, all of it."""
    listed = [line[4:] for line in why.splitlines() if line.startswith("  - ")]
    return "; ".join(listed or why.splitlines())


class _SignatureRuns:
    """The runs of one signature."""

    def __init__(self, variant: Variant, name: str, evaluate: Callable[..., Any]) -> None:
        self._variant = variant
        self._name = name
        self._evaluate = evaluate
        self._inputs = variant.inputs(name)
        self._outputs = variant.outputs(name)
        self._promises = bool(describe_signature(variant, name).meets)
        self._seconds = 0.0
        self._known: set[tuple[str, str]] = set()
        self.findings: list[Finding] = []

    def run(self) -> Run:
        done: list[str] = []
        not_run = ""
        try:
            for example in examples(self._inputs, image_size(self._variant)):
                if not self._run_one(example):
                    break
                done.append(example.words)
        except CannotGenerateError as error:
            not_run = str(error)
        return Run(_where(self._variant), self._name, tuple(done), round(self._seconds, 4), not_run)

    def _run_one(self, example: Example) -> bool:
        try:
            outputs = self._call(example.feeds)
            self._compare_with_declared(example, outputs)
            # In training, results depend on the batch, and dropout on chance.
            if not self._variant.tags:
                self._compare_with_alone(example, outputs)
        except FAILURES as error:
            self._report(
                "does-not-run",
                ERROR if self._promises else WARNING,
                f"fails on {example.words}: {reason(error)}",
                "A common signature runs on all such inputs."
                if self._promises
                else "If the signature needs inputs of a certain kind, say so in the documentation.",
            )
            return False
        return True

    def _call(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        outputs: dict[str, Any] = self._evaluate(
            as_tensorflow_values(feeds), signature=self._name, as_dict=True
        )
        self._seconds += time.perf_counter() - started
        return outputs

    def _compare_with_declared(self, example: Example, outputs: Mapping[str, Any]) -> None:
        for name, info in self._outputs.items():
            for fault in _faults(info, outputs[name]):
                self._report(
                    "output-not-as-declared",
                    ERROR,
                    f"gives an output {name!r} that {fault}, on {example.words}.",
                    "Declare what comes out: set_shape on the output, or another dtype.",
                    name,
                )
            values = getattr(outputs[name], "values", outputs[name])
            if np.asarray(values).dtype.kind == "f" and not np.isfinite(values).all():
                self._report(
                    "not-finite-output",
                    ERROR if np.isnan(values).any() else WARNING,
                    f"gives an output {name!r} with {'NaN' if np.isnan(values).any() else 'infinity'}, "
                    f"on {example.words}.",
                    "Guard logarithms, divisions and roots against zero.",
                    name,
                )

    def _compare_with_alone(self, example: Example, outputs: Mapping[str, Any]) -> None:
        alone = rows(example)
        if alone is None:
            return
        single = [self._call(feeds) for feeds in alone]
        for name, info in self._outputs.items():
            if ("random-output", name) in self._known:
                continue
            if not isinstance(outputs[name], np.ndarray) or not info.shape or info.shape[0] is not None:
                continue
            each = [row[name] for row in single]
            if len(outputs[name]) != example.batch or any(len(row) != 1 for row in each):
                continue
            apart = [distance(outputs[name][i : i + 1], row).relative for i, row in enumerate(each)]
            if max(apart) > TOLERANCE:
                chance = distance(self._call(example.feeds)[name], outputs[name]).relative > TOLERANCE
                how = "from run to run" if chance else f"alone and in a batch of {example.batch}"
                self._report(
                    "random-output" if chance else "depends-on-batch",
                    WARNING,
                    f"gives an output {name!r} that differs {how}, by {max(apart):.2g} of its largest value, "
                    f"on {example.words}.",
                    "Keep dropout and statistics of the batch out of the inference variant.",
                    name,
                )

    def _report(self, check: str, severity: str, message: str, remedy: str, output: str = "") -> None:
        # The same fault on each input says no more than on the first.
        if (check, output) not in self._known:
            self._known.add((check, output))
            message = f"The signature {self._name!r} {message}"
            self.findings.append(Finding(check, severity, message, remedy, _where(self._variant)))


def _faults(info: ParsedTensorInfo, value: Any) -> Iterator[str]:
    array = getattr(value, "values", value)
    expected = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
    actual = np.asarray(array)
    if expected.kind != "O" and actual.dtype != expected:
        yield f"is {actual.dtype}, not {expected}"
    if info.kind != "dense" or info.shape is None:
        return
    shape = actual.shape
    fits = len(shape) == len(info.shape) and all(
        side is None or side == real for side, real in zip(info.shape, shape, strict=True)
    )
    if not fits:
        yield f"has the shape {list(shape)}, not {info.shape_text()}"


def _where(variant: Variant) -> str:
    return format_tags(variant.tags)
