"""`tf1hub push`: publishes a module in a hub, takes a version back."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "push",
        help="publish a module in a hub",
        description="Publishes the module in DIRECTORY as PUBLISHER/NAME/VERSION. The hub looks at it before anybody sees "
        "it; a published version never changes. The token is in TF1HUB_TOKEN_HOST.",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="the module")
    parser.add_argument("handle", metavar="HANDLE", help="PUBLISHER/NAME/VERSION")
    parser.add_argument("--to", required=True, metavar="URL", help="the hub; or a repository's folder")
    parser.add_argument("--page", metavar="FILE", help="its page, in Markdown")
    _output.add_progress_option(parser)
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import HandleError
    from tf1hub.repository.hubs import push
    from tf1hub.storage import Faults, place_at

    page = place_at(args.page, Faults(HandleError)).read("").decode("utf-8", "replace") if args.page else ""
    record = push(args.directory, args.handle, args.to, page=page, progress=_output.progress_of(args))
    _output.emit(args, f"{record['handle']} {record['digest']}", record)
    return _exit.OK
