"""What checks answer: findings, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ERROR, WARNING, ADVICE = "error", "warning", "advice"
SEVERITIES = (ERROR, WARNING, ADVICE)
"""Worst first. An error breaks users; a warning will surprise some; advice makes the module better."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        id: names the check; stable, so that programs can pick findings.
        severity: `"error"`, `"warning"` or `"advice"`.
        message: what is the case.
        remedy: what would be right.
        variant: the variant concerned, such as `{'train'}`; empty for the module as a whole.
    """

    id: str
    severity: str
    message: str
    remedy: str
    variant: str = ""


@dataclass(frozen=True)
class CommonSignatureResult:
    """How one signature stands to the common signature that it aims at.

    Attributes:
        variant: the variant, such as `{}`.
        signature: the signature's name.
        common: the common signature's name.
        misses: what it misses, in words; empty when it keeps it.
    """

    variant: str
    signature: str
    common: str
    misses: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One signature that was run on generated inputs.

    Attributes:
        variant: the variant, such as `{}`.
        signature: the signature's name.
        inputs: what was fed, in words, for each run.
        seconds: what all runs took, without building the graph.
        not_run: why it could not be run; empty where it was.
    """

    variant: str
    signature: str
    inputs: tuple[str, ...]
    seconds: float
    not_run: str = ""


@dataclass(frozen=True)
class FormResult:
    """What a form of `tf1hub.convert` takes of a module.

    Attributes:
        form: its name, as `to=` takes it.
        verdict: `"yes"`, `"no"`, or `"perhaps"` where only the work itself tells.
        signatures: the signatures that it takes; all or none of a form that holds them all.
        in_the_way: what it does not take, in words.
    """

    form: str
    verdict: str
    signatures: tuple[str, ...]
    in_the_way: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What `tf1hub.check` found.

    Attributes:
        module: the module in words.
        findings: the worst first.
        common_signatures: for each signature that aims at a common one, what it misses.
        tensorflow: for each supported TensorFlow `"yes"` or `"no"`: has it all ops?
        runs: what was run; empty where nothing was.
        forms: what each form of `tf1hub.convert` takes.
    """

    module: str
    findings: tuple[Finding, ...]
    common_signatures: tuple[CommonSignatureResult, ...]
    tensorflow: Mapping[str, str]
    runs: tuple[Run, ...] = ()
    forms: tuple[FormResult, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is nothing worse than advice."""
        return all(finding.severity == ADVICE for finding in self.findings)

    def count(self, severity: str) -> int:
        """The number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def __repr__(self) -> str:
        head = f"<{self.module}: {summary(self)}>"
        return "\n".join([head, *(f"  {f.severity} {f.id} {f.variant}: {f.message}" for f in self.findings)])


def summary(report: Report) -> str:
    """The counts in words, such as `1 error, 2 warnings, 0 advice`."""
    parts = []
    for severity in SEVERITIES:
        count = report.count(severity)
        plural = "s" if count != 1 and severity != ADVICE else ""
        parts.append(f"{count} {severity}{plural}")
    return ", ".join(parts)


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted by severity; otherwise in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
