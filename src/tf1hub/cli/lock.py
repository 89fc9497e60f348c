"""`tf1hub lock`: pin the content of the modules that a project uses."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "lock",
        help="pin the content of modules in a lock file",
        description="Writes the digest of each module to the lock file, downloading it if necessary. Modules "
        "that are in the file already keep their digest unless --update is given. Without handles, all of "
        "the file are looked at. With --check nothing is written, and exit code 5 says that one differs.",
    )
    _handles.add_handle_options(parser, nargs="*")
    parser.add_argument("--update", action="store_true", help="write new digests over old ones")
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.errors import HandleError
    from tf1hub.handles import lockfile
    from tf1hub.handles.pinning import lock
    from tf1hub.handles.settings import LOCK_FILE_NAME
    from tf1hub.progress import shown
    from tf1hub.storage import absolute

    path = absolute(args.lock_file or os.environ.get("TF1HUB_LOCKFILE") or LOCK_FILE_NAME)
    args.lock_file = None
    before = lockfile.load_or_empty(path)
    handles = args.handles or [one.handle for one in before]
    if not handles:
        raise HandleError(f"{path} has no modules yet: name the handles to lock.")
    with shown(_output.progress_of(args)):
        after = lock(before, handles, _handles.settings_of(args), update=args.update)
    if not args.check:
        lockfile.save(path, after)
    text = "\n".join(f"{one.digest}  {one.handle}" for one in after)
    _output.emit(args, text, {"path": path, "modules": [asdict(one) for one in after]})
    return _exit.OK
