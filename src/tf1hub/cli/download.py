"""`tf1hub download`: bring modules into the cache."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "download",
        help="bring modules into the cache",
        description="Downloads modules that are not in the cache yet, and prints the directory of each.",
    )
    _handles.add_handle_options(parser)
    parser.add_argument("--force", action="store_true", help="download even what is in the cache")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.handles import download

    options = _handles.options_of(args)
    found = [
        {"handle": handle, "path": download(handle, force=args.force, **options)} for handle in args.handles
    ]
    _output.emit(args, "\n".join(one["path"] for one in found), found)
    return _exit.OK
