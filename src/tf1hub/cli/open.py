"""`tf1hub open`: a module's page in the browser."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output
from tf1hub.cli.search import add_hub_option


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "open",
        help="open a module's page in the browser",
        description="Opens the page of PUBLISHER/NAME[/VERSION], or of a URL on a hub, and prints its address.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="PUBLISHER/NAME[/VERSION], or a URL")
    parser.add_argument("--print", dest="only_print", action="store_true", help="only print the address")
    add_hub_option(parser)
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import HandleError
    from tf1hub.repository.hubs import info
    from tf1hub.storage import scheme_of

    found = info(args.handle, hubs=args.hub)
    if scheme_of(found["hub"]) not in ("http", "https"):
        raise HandleError(
            f"{found['hub']} is a folder, which has no pages. Serve it: tf1hub serve {found['hub']}"
        )
    url = f"{found['hub']}/{found['handle']}"
    opened = False
    if not args.only_print:
        import webbrowser

        opened = webbrowser.open(url)
    _output.emit(args, url, {"url": url, "opened": opened})
    return _exit.OK
