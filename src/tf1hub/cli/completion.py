"""`tf1hub completion`: a script that completes verbs and options in a shell."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit
from tf1hub.errors import MissingDependencyError

SHELLS = ("bash", "zsh", "tcsh")


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "completion",
        help="print a completion script for your shell",
        description='Prints a completion script. In bash: eval "$(tf1hub completion bash)"',
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.cli.main import build_parser

    try:
        import shtab
    except ImportError as error:
        raise MissingDependencyError(
            "Completion scripts are made by the package shtab, which is not installed. pip install shtab"
        ) from error
    print(shtab.complete(build_parser(), shell=args.shell))
    return _exit.OK
