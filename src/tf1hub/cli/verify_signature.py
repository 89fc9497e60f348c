"""`tf1hub verify-signature`: is a module what its publisher signed?"""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "verify-signature",
        help="verify that a module is what its publisher signed",
        description="Verifies model.sig of a module, by the OpenSSF Model Signing specification: that somebody signed it "
        "whom you trust, and that every file is what was signed. No network is needed.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="a path, a URL, or remote storage")
    parser.add_argument(
        "--trusted",
        metavar="FILE",
        action="append",
        required=True,
        help="a public key, or certificates of which the signer's descends, as PEM; one of several has to do",
    )
    parser.add_argument(
        "--signature", metavar="FILE", help="the signature (default: model.sig in the module)"
    )
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.trust.publisher_signature import verify_signature

    found = verify_signature(args.handle, args.trusted, signature=args.signature)
    text = f"{found.module}: {found.files} files are what was signed by {found.signer}"
    _output.emit(args, text, found._asdict())
    return _exit.OK
