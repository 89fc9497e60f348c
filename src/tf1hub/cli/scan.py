"""`tf1hub scan`: what modules can do, before anything of them runs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tf1hub.cli import _exit
from tf1hub.cli._output import print_json, table, title

if TYPE_CHECKING:
    from tf1hub.trust.report import Capabilities

WIDTH = 100


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "scan",
        help="tell what modules can do besides computing: files, network, code",
        description="Tells what each part of a module reaches: files outside of the module, the network, Python, native "
        "code; without running it, and without TensorFlow. Takes handles, directories of modules, SavedModels and bare "
        "graphs (.pb). Exit codes: 0 nothing is refused, 1 something is refused unless it is allowed, 2 a module could "
        "not be read.",
    )
    parser.add_argument(
        "handles", metavar="HANDLE", nargs="+", help="a module, a directory of them, or a .pb file"
    )
    parser.add_argument("--all", action="store_true", help="also what is not refused")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    group.add_argument("--sarif", action="store_true", help="print a SARIF 2.1.0 log, for code scanning")
    group.add_argument("-q", "--quiet", action="store_true", help="print only errors; the exit code tells")
    parser.set_defaults(run=run, exit_code_of_errors=_exit.TROUBLE)


def run(args: argparse.Namespace) -> int:
    from tf1hub import __version__
    from tf1hub.trust.scan import capabilities, find_modules

    reports = [capabilities(path) for handle in args.handles for path in find_modules(handle)]
    reports.sort(key=_badness)
    if args.json:
        print_json({"modules": [report.to_dict() for report in reports]})
    elif args.sarif:
        from tf1hub.trust.sarif import sarif

        print_json(sarif(reports, __version__))
    elif not args.quiet:
        print("\n\n".join(sections(reports, args.all)))
    return _exit.OK if all(report.ok for report in reports) else _exit.FOUND_FAULT


def _badness(report: Capabilities) -> tuple[int, int]:
    from tf1hub.trust.abilities import ABILITIES

    return min((ABILITIES.index(can) for can in report.needs()), default=len(ABILITIES)), -len(report.refused)


def sections(reports: Sequence[Capabilities], everything: bool = False) -> Iterator[str]:
    """Yields the parts of the text: what is refused first, then a line for each harmless module."""
    for report in reports:
        if not report.ok or everything:
            yield "\n".join([title(f"{report.module}: {report.verdict()}"), *_table(report, everything)])
    harmless = [f"{report.module}: {report.verdict()}" for report in reports if report.ok and not everything]
    if harmless:
        yield "\n".join(harmless)


def rows_of(report: Capabilities, everything: bool = False) -> list[tuple[str, str, str, str]]:
    """A row for each deed, the worst first; one that several parts do alike is told once."""
    from tf1hub.trust.abilities import ABILITIES

    parts: dict[tuple[str, bool, str, str], list[str]] = {}
    for part in report.parts if everything else report.refused:
        counts = Counter(
            (deed.refused, deed.can, deed.words() if deed.refused or deed.origin else deed.op)
            for deed in (part.deeds if everything else part.refused)
        )
        for (refused, can, words), count in counts.items():
            many = f"{count} × {words}" if count > 1 else words
            parts.setdefault((part.variant, refused, can, many), []).append(part.title)
    found = sorted(parts, key=lambda key: (not key[1], ABILITIES.index(key[2])))
    return [(key[0], ", ".join(parts[key]), key[2], _short(key[3])) for key in found]


def _table(report: Capabilities, everything: bool) -> Iterator[str]:
    rows = rows_of(report, everything)
    if rows:
        yield table(("variant", "part", "can", "by"), rows)


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
