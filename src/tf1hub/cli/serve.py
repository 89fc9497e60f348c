"""`tf1hub serve`: a folder of modules as a server."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tf1hub.cli import _exit


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "serve",
        help="serve a folder of modules: pages, the hosting protocol, publishing",
        description="Serves a folder of modules, PUBLISHER/NAME/VERSION as directories or archives, to programs and to "
        "people. Needs the extra 'server'. Ctrl-C ends it.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a directory, or a place in remote storage")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8080, help="the port; 0 lets the system choose (default: 8080)"
    )
    parser.add_argument("--title", default="Modules", help="what the pages call it")
    parser.add_argument(
        "--base-url",
        default="",
        metavar="URL",
        help="what snippets and the feed say, where visitors come by another address, such as a proxy's",
    )
    parser.add_argument(
        "--state", metavar="DIR", help="where index and archives are kept (default: FOLDER/.tf1hub)"
    )
    parser.add_argument(
        "--storage-url", default="", metavar="URL", help="where others find FOLDER, as gs://bucket/models"
    )
    parser.add_argument(
        "--try",
        dest="try_modules",
        action="store_true",
        help="let visitors have the server run modules, in a process with limits; never what trust refuses",
    )
    parser.add_argument(
        "--not-in-browsers",
        dest="in_browsers",
        action="store_false",
        help="do not offer visitors to run modules in their own browsers",
    )
    parser.add_argument(
        "--browser-runtime",
        default="",
        metavar="DIR",
        help="'dist' of another version of the npm package onnxruntime-web than came along",
    )
    parser.add_argument("--read-only", action="store_true", help="take nothing")
    parser.add_argument("--private", action="store_true", help="ask for a token to read, too")
    parser.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="URL",
        help="a hub to fetch from what is not in FOLDER, once; may be repeated",
    )
    parser.add_argument("--quota", type=int, metavar="BYTES", help="what one publisher may publish in all")
    parser.add_argument(
        "--access-log", default="", metavar="FILE", help="where requests are logged; - for standard error"
    )
    parser.add_argument(
        "--behind-proxy", action="store_true", help="take the clients' addresses from X-Forwarded-For"
    )
    parser.add_argument(
        "--max-module-bytes", type=int, metavar="N", help="how large a module may be (default: 8 GiB)"
    )
    parser.add_argument(
        "--refresh",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how often FOLDER is looked at (default: 30)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import MissingDependencyError
    from tf1hub.repository.repository import MAX_MODULE_BYTES, Repository

    try:
        from tf1hub.server import http_server
        from tf1hub.server.app import make_app
        from tf1hub.server.options import ServerOptions
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"'tf1hub serve' needs the package {error.name}, which is not installed: pip install 'tf1hub[server]'"
        ) from error

    repository = Repository(
        args.folder, state=args.state, max_bytes=args.max_module_bytes or MAX_MODULE_BYTES
    )
    options = ServerOptions(
        title=args.title,
        base_url=args.base_url,
        read_only=args.read_only,
        try_modules=args.try_modules,
        in_browsers=args.in_browsers,
        browser_runtime=args.browser_runtime,
        private=args.private,
        upstreams=tuple(args.upstream),
        quota_bytes=args.quota,
        access_log=args.access_log,
        behind_proxy=args.behind_proxy,
        storage_url=args.storage_url,
        refresh_seconds=args.refresh,
    )

    def tell(url: str) -> None:
        print(f"Serving {repository.folder} at {url}", file=sys.stderr, flush=True)

    http_server.make_server(make_app(repository, options), args.host, args.port, tell).run()
    return _exit.OK
