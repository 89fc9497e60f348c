"""`tf1hub resolve`: the directory of a module, downloaded if necessary."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "resolve",
        help="print the directory of a module, downloading it if necessary",
        description="Prints the directory of each module. What is not in the cache, or damaged there, is "
        "downloaded.",
    )
    _handles.add_handle_options(parser)
    parser.add_argument("--verify", action="store_true", help="read every byte of what is in the cache")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done, and why")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.handles.api import carry_out, decide
    from tf1hub.handles.handle import parse
    from tf1hub.progress import shown

    settings = _handles.settings_of(args)
    found = []
    with shown(_output.progress_of(args)):
        for handle in args.handles:
            decided = decide(parse(handle), settings, full=args.verify)
            path = decided.path if args.dry_run else carry_out(decided, settings)
            found.append(
                {"handle": handle, "path": path, "action": decided.action.value, "reason": decided.reason}
            )
    if args.dry_run:
        text = "\n".join(f"{one['action']}  {one['path']}  ({one['reason']})" for one in found)
    else:
        text = "\n".join(one["path"] for one in found)
    _output.emit(args, text, found)
    return _exit.OK
