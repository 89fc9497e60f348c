"""Options that all verbs which take handles share."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _output
from tf1hub.handles import settings as settings_module
from tf1hub.handles.settings import Settings


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--cache-dir`."""
    parser.add_argument(
        "--cache-dir", metavar="DIR", help="the cache (default: $TFHUB_CACHE_DIR, else <temp>/tfhub_modules)"
    )


def add_handle_options(parser: argparse.ArgumentParser, *, nargs: str = "+") -> None:
    """Adds handles and how they are resolved."""
    parser.add_argument("handles", metavar="HANDLE", nargs=nargs, help="a path, a URL, or remote storage")
    add_cache_option(parser)
    parser.add_argument("--offline", action="store_true", default=None, help="use only what is in the cache")
    _output.add_progress_option(parser)
    parser.add_argument(
        "--allow-extra-files", action="store_true", default=None, help="accept files that no module has"
    )
    parser.add_argument("--max-bytes", type=int, metavar="N", help="the most that an archive may unpack to")
    parser.add_argument("--lock-file", metavar="FILE", help="the pins that hold (default: ./tf1hub.lock)")


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the keyword arguments of `resolve` and `download`."""
    return {
        "cache_dir": args.cache_dir,
        "offline": args.offline,
        "progress": _output.progress_of(args),
        "allow_extra_files": args.allow_extra_files,
        "max_bytes": args.max_bytes,
        "lock_file": args.lock_file,
    }


def settings_of(args: argparse.Namespace) -> Settings:
    """Returns the settings of a verb's options."""
    options = options_of(args)
    del options["progress"]
    return settings_module.from_environment(**options)
