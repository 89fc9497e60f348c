"""`tf1hub bundle`: modules in one archive, for a machine without network."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "bundle",
        help="put modules into one archive for a machine without network",
        description="Writes modules, downloaded if necessary, into one archive; 'tf1hub install' brings them "
        "into the cache of another machine.",
    )
    _handles.add_handle_options(parser)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the bundle: .tar, or .tar.gz")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.handles import bundle, download
    from tf1hub.handles.handle import parse

    options = _handles.options_of(args)
    modules = [(parse(handle), download(handle, **options)) for handle in args.handles]
    made = bundle.make(args.output, modules)
    size = _output.human_bytes(sum(one.total_bytes for one in made))
    document = {
        "path": args.output,
        "modules": [{"handle": one.handle, "digest": one.digest, "bytes": one.total_bytes} for one in made],
    }
    _output.emit(args, f"{args.output}: {len(made)} modules, {size}", document)
    return _exit.OK
