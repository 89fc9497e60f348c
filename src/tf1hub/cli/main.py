"""The entry point of the `tf1hub` command, and how verbs join it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from tf1hub import __version__
from tf1hub.cli import _exit
from tf1hub.errors import Error

VERBS = (
    "apply",
    "bundle",
    "cache",
    "check",
    "compare",
    "completion",
    "convert",
    "diff",
    "download",
    "export-text-embedding",
    "info",
    "install",
    "lock",
    "mirror",
    "open",
    "push",
    "resolve",
    "run",
    "scan",
    "search",
    "serve",
    "show",
    "sign",
    "site",
    "token",
    "verify-signature",
    "yank",
)
"""All verbs, each a module of `tf1hub.cli`. Looking for those modules would cost every start milliseconds."""

_DESCRIPTION = "TF1 Hub format modules on today's TensorFlow: get, inspect, check, convert and run them."


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Returns the parser of the command.

    Args:
        only: a verb whose parser alone is built, so that starting one verb does
            not pay for the others. All verbs by default.
    """
    parser = argparse.ArgumentParser(
        prog="tf1hub",
        description=_DESCRIPTION,
        epilog="'tf1hub VERB --help' tells more about a verb.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    # With `prog`, argparse need not format a usage to know it.
    subparsers = parser.add_subparsers(
        title="verbs", dest="verb", metavar="VERB", required=True, prog="tf1hub"
    )
    for verb in VERBS if only is None else [only]:
        module = importlib.import_module(f"tf1hub.cli.{verb.replace('-', '_')}")
        module.register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the `tf1hub` command.

    Args:
        argv: the arguments without the program's name; `sys.argv[1:]` by default.

    Returns:
        The exit code, one of `tf1hub.cli._exit`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    only = words[0] if words and words[0] in VERBS else None
    try:
        args = build_parser(only).parse_args(words)
    except SystemExit as stop:  # argparse has printed the help or the fault already
        return stop.code if isinstance(stop.code, int) else _exit.USAGE
    try:
        if getattr(args, "imports", None):
            from tf1hub.graphdef.op_packages import import_packages

            import_packages(args.imports, "--import")
        code: int = args.run(args)
        sys.stdout.flush()
    except Error as error:
        return _report(args, error)
    except KeyboardInterrupt:
        print("tf1hub: interrupted", file=sys.stderr)
        return _exit.INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as `| head` does; without this the interpreter
        # complains once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _exit.BROKEN_PIPE
    return code


def _report(args: argparse.Namespace, error: Error) -> int:
    code: int = getattr(args, "exit_code_of_errors", _exit.code_of(error))
    if getattr(args, "json", False):
        from tf1hub.cli._output import print_json

        print_json({"error": {"type": type(error).__name__, "message": str(error), "exit_code": code}})
    else:
        print(f"tf1hub {args.verb}: {error}", file=sys.stderr)
    return code


class _Version(argparse.Action):
    """Prints the version and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"tf1hub {__version__}")
        parser.exit()
