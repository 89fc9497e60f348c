"""`tf1hub run`: an old program, unchanged."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tf1hub.cli._output import add_import_option, add_trust_option


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="run a program written for the original library, unchanged",
        description="Runs a Python program in which `import tensorflow_hub` gives tf1hub. "
        "Its arguments, exit code and tracebacks are what python would give.",
    )
    parser.add_argument(
        "--tf1",
        action="store_true",
        help="a TensorFlow 1.x program: `import tensorflow` gives the v1 compatibility API, v2 behaviour off",
    )
    parser.add_argument(
        "-m", dest="as_module", action="store_true", help="PROGRAM is a module's name, as in python -m"
    )
    add_import_option(parser)
    add_trust_option(parser)
    parser.add_argument("program", metavar="PROGRAM", help="a Python file")
    parser.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="the program's arguments")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.compat import run_program

    if args.trust is not None:
        # What the program starts follows the same rule.
        os.environ["TF1HUB_TRUST"] = args.trust
    return run_program(args.program, args.arguments, tf1=args.tf1, as_module=args.as_module)
