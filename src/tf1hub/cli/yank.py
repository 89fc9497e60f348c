"""`tf1hub yank`: takes a published version back."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "yank",
        help="take a published version back",
        description="Hides PUBLISHER/NAME/VERSION from searches. Who uses it already still can, and is told the reason.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="PUBLISHER/NAME/VERSION")
    parser.add_argument("--to", required=True, metavar="URL", help="the hub; or a repository's folder")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--reason", help="what those are told who use it")
    group.add_argument("--undo", action="store_true", help="make it as it was before")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.repository.hubs import yank

    record = yank(args.handle, None if args.undo else args.reason, args.to)
    _output.emit(args, f"{record['handle']} is {record['status']}", record)
    return _exit.OK
