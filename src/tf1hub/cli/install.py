"""`tf1hub install`: a bundle, or the tar of one module, into the cache."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "install",
        help="bring a bundle or a module's tar into the cache under its handle",
        description="Brings a bundle, or with --handle an archive of one module, into the cache.",
    )
    parser.add_argument("archive", metavar="FILE", help="a bundle, or an archive of a module")
    parser.add_argument("--handle", metavar="HANDLE", help="the handle of a module's tar")
    parser.add_argument(
        "--force", action="store_true", help="accept other content than was first seen behind a versioned URL"
    )
    _handles.add_cache_option(parser)
    parser.add_argument(
        "--allow-extra-files", action="store_true", default=None, help="accept files that no module has"
    )
    parser.add_argument("--max-bytes", type=int, metavar="N", help="the most that an archive may unpack to")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import HandleError
    from tf1hub.handles import bundle
    from tf1hub.handles.handle import parse
    from tf1hub.handles.settings import from_environment

    handle = None if args.handle is None else parse(args.handle)
    if handle is not None and handle.is_local:
        raise HandleError(f"{args.handle} is a local path, which needs no cache: use it as it is.")
    settings = from_environment(
        cache_dir=args.cache_dir, allow_extra_files=args.allow_extra_files, max_bytes=args.max_bytes
    )
    found = bundle.install(args.archive, settings, handle=handle, force=args.force)
    text = "\n".join(
        f"{'installed' if one.is_new else 'was there'}  {one.handle}  {one.path}" for one in found
    )
    _output.emit(args, text, [asdict(one) for one in found])
    return _exit.OK
