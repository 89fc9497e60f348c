"""`tf1hub mirror`: copies of another hub's modules."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "mirror",
        help="copy modules of another hub into a folder",
        description="Fetches, verifies and keeps modules of another hub, for 'tf1hub serve FOLDER'. What is there already is "
        "left as it is.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="the repository's folder; made if it is not there")
    parser.add_argument("handles", metavar="HANDLE", nargs="*", help="PUBLISHER/NAME/VERSION")
    parser.add_argument("--from", dest="source", required=True, metavar="URL", help="the hub")
    parser.add_argument(
        "--query", metavar="WORDS", help="also the newest version of what the hub finds; '' for all"
    )
    _output.add_progress_option(parser)
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.repository.copying import mirror

    done = mirror(
        args.folder, args.handles, source=args.source, query=args.query, progress=_output.progress_of(args)
    )
    lines = [f"copied {record['handle']} {record['digest']}" for record in done["copied"]]
    lines += [f"there already: {handle}" for handle in done["there"]]
    for handle, fault in done["faults"].items():
        print(f"tf1hub mirror: {handle}: {fault}", file=sys.stderr)
    _output.emit(args, "\n".join(lines), done)
    return _exit.UNAVAILABLE if done["faults"] else _exit.OK
