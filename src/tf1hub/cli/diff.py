"""`tf1hub diff`: what differs between two modules."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit
from tf1hub.cli._output import add_output_options, add_progress_option, print_json, progress_of, table

_CELL = 60
"""The most characters of a cell; `--json` has all."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "diff",
        help="say what differs between two modules",
        description="Compares two modules: variants, signatures, variables and their values, assets, "
        "attachments, ops. Exit codes, as diff(1) has them: 0 the same, 1 different, 2 a module could not be "
        "read.",
    )
    parser.add_argument("left", help="a handle")
    parser.add_argument("right", help="another")
    parser.add_argument(
        "--no-values", dest="values", action="store_false", help="leave the variables' values out"
    )
    parser.add_argument(
        "--atol",
        type=float,
        default=0.0,
        metavar="A",
        help="numbers that differ by at most this count as equal",
    )
    add_progress_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run, exit_code_of_errors=_exit.TROUBLE)


def run(args: argparse.Namespace) -> int:
    from tf1hub.spec.difference import diff

    result = diff(args.left, args.right, values=args.values, atol=args.atol, progress=progress_of(args))
    if args.json:
        print_json(result.to_dict())
    elif not args.quiet and not result.same:
        rows = [
            (
                difference.subject,
                *map(_cell, (difference.where, difference.left, difference.right)),
                "" if difference.max_abs_difference is None else f"{difference.max_abs_difference:.3g}",
            )
            for difference in result.differences
        ]
        print(f"left   {result.left}\nright  {result.right}\n")
        print(table(("", "which", "left", "right", "apart"), rows, right=(4,)))
    return _exit.OK if result.same else _exit.FOUND_FAULT


def _cell(text: str | None) -> str:
    if text is None:
        return "-"
    return text if len(text) <= _CELL else f"{text[: _CELL - 3]}..."
