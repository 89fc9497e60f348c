"""`tf1hub check`: what is wrong with a module, or could be better."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tf1hub.cli import _exit
from tf1hub.cli._output import (
    add_import_option,
    add_output_options,
    add_progress_option,
    add_trust_option,
    print_json,
    progress_of,
    table,
    title,
    trust_of,
)

if TYPE_CHECKING:
    from tf1hub.checks.findings import Report


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check a module: whole, conventional, fit for fine-tuning, running",
        description="Checks a module: its files, the common signatures, what fine-tuning needs, leaked "
        "paths, the ops on each supported TensorFlow; and runs it. Exit codes: 0 no errors or warnings, "
        "1 errors or warnings, 2 the module could not be read.",
    )
    parser.add_argument("handle", help="a path, a URL, or whatever else names a module")
    parser.add_argument(
        "--run",
        dest="run_signatures",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run each signature on generated inputs (default: where TensorFlow is installed)",
    )
    add_import_option(parser)
    add_trust_option(parser)
    add_progress_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run, exit_code_of_errors=_exit.TROUBLE)


def run(args: argparse.Namespace) -> int:
    from tf1hub.checks.check import check

    report = check(args.handle, run=args.run_signatures, progress=progress_of(args), trust=trust_of(args))
    if args.json:
        print_json(report.to_dict())
    elif not args.quiet:
        print("\n\n".join(sections(report)))
    return _exit.OK if report.ok else _exit.FOUND_FAULT


def sections(report: Report) -> Iterator[str]:
    """Yields the parts of the text."""
    from tf1hub.checks.findings import summary

    yield title(report.module)
    if report.common_signatures:
        rows = [
            (result.variant, result.signature, result.common, "misses something" if result.misses else "met")
            for result in report.common_signatures
        ]
        yield title("common signatures") + "\n" + table(("variant", "signature", "aims at", ""), rows)
    versions = ", ".join(f"{version} {verdict}" for version, verdict in report.tensorflow.items())
    yield f"{title('TensorFlow has all ops')}\n{versions}"
    if report.runs:
        yield title("runs") + "\n" + table(("variant", "signature", "inputs", "time"), list(_runs(report)))
    if report.forms:
        found = [(each.form, each.verdict, ", ".join(each.signatures) or "-") for each in report.forms]
        yield title("forms that it can be converted to") + "\n" + table(("form", "", "signatures"), found)
        lines = [f"{each.form}: {line}" for each in report.forms for line in each.in_the_way]
        if lines:
            yield "\n".join(lines)
    for finding in report.findings:
        where = f" in {finding.variant}" if finding.variant else ""
        yield f"{title(finding.severity)} {finding.id}{where}\n  {finding.message}\n  -> {finding.remedy}"
    yield summary(report)


def _runs(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for run in report.runs:
        variant, signature, seconds = run.variant, run.signature, f"{run.seconds:.3f} s"
        for words in run.inputs or (run.not_run or "failed",):
            yield variant, signature, words, seconds
            variant = signature = seconds = ""
