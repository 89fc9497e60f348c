"""`tf1hub site`: a repository as static files."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "site",
        help="write a folder of modules as static files, protocol and pages included",
        description="Writes FOLDER as files that any web server or bucket can serve: archives at the addresses of handles, "
        "pages, JSON. Needs the extra 'server'.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="the repository's folder")
    parser.add_argument("out", metavar="OUT", help="a new directory")
    parser.add_argument("--title", default="Modules", help="what the pages call it")
    parser.add_argument(
        "--base-url",
        default="",
        metavar="URL",
        help="where it will be served: what snippets and the feed say",
    )
    parser.add_argument(
        "--not-in-browsers",
        action="store_true",
        help="without the models that visitors' browsers run to try modules",
    )
    _output.add_progress_option(parser)
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import MissingDependencyError

    try:
        from tf1hub.server.static_site import write_site
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"'tf1hub site' needs the package {error.name}, which is not installed: pip install 'tf1hub[server]'"
        ) from error

    written = write_site(
        args.folder,
        args.out,
        title=args.title,
        base_url=args.base_url,
        in_browsers=not args.not_in_browsers,
        progress=_output.progress_of(args),
    )
    text = f"{args.out}: {written['modules']} versions, {written['pages']} pages, {_output.human_bytes(written['bytes'])}"
    _output.emit(args, text, written)
    return _exit.OK
