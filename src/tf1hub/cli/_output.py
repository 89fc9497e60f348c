"""What verbs print: text for people, `--json` for programs, nothing with `--quiet`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tf1hub.configuration import NO, YES
from tf1hub.spec.description import human_bytes as human_bytes


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--json` and `--quiet`, spelled alike for every verb."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    group.add_argument("-q", "--quiet", action="store_true", help="print only errors; the exit code tells")


def add_import_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--import`, for verbs that run modules; `main` imports what it names."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        metavar="MODULE",
        help="import MODULE first, because it brings ops that modules use, such as tensorflow_text; may be repeated "
        "(default: $TF1HUB_IMPORTS)",
    )


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust`, for verbs that run modules."""
    parser.add_argument(
        "--trust",
        metavar="WHAT",
        help="what the module may do beyond computing, as 'tf1hub scan' names it ('reads files,writes files'); 'yes' for "
        "everything (default: $TF1HUB_TRUST, else nothing)",
    )


def trust_of(args: argparse.Namespace) -> bool | list[str] | None:
    """What the functions that a verb calls are given as `trust=`."""
    given: str | None = args.trust
    if given is None or given.lower() in (*NO, *YES):
        return given is not None and given.lower() in YES
    return [word.strip() for word in given.split(",") if word.strip()]


def add_progress_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--progress`, for verbs that may take long."""
    parser.add_argument(
        "--progress",
        choices=("auto", "bar", "lines", "none"),
        help="how to show progress (default: $TF1HUB_PROGRESS, else auto; none with --quiet)",
    )


def progress_of(args: argparse.Namespace) -> str | None:
    """What the functions that a verb calls are given as `progress=`."""
    chosen: str | None = args.progress
    return "none" if args.quiet and chosen is None else chosen


def print_json(document: Any) -> None:
    """Prints one JSON document, followed by a line break, to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def emit(args: argparse.Namespace, text: str, document: Any) -> None:
    """Prints `document` with `--json`, nothing with `--quiet`, else `text`."""
    if args.json:
        print_json(document)
    elif not args.quiet and text:
        print(text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Returns rows as aligned columns without borders, so that `awk` and eyes read them alike.

    Args:
        header: one title per column.
        rows: one string per column.
        right: indices of the columns to align to the right (numbers).
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def align(line: list[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(align(line) for line in lines)


def title(text: str) -> str:
    """Returns a heading: bold on a terminal, unless NO_COLOR (no-color.org) is set; plain elsewhere."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[1m{text}\x1b[0m"
