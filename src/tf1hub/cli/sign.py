"""`tf1hub sign`: signs a module as its publisher."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tf1hub.cli import _exit, _output

PASSWORD = "TF1HUB_KEY_PASSWORD"


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "sign",
        help="sign a module as its publisher, with a key or a certificate",
        description="Writes model.sig into a module: a signature over the SHA-256 of each file, by the OpenSSF Model "
        "Signing specification. Sign before you publish, because the signature is one more file of the module. The "
        f"password of an encrypted key is taken from {PASSWORD} in the environment.",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="the module")
    parser.add_argument(
        "--private-key", metavar="FILE", required=True, help="the key, as PEM (P-256, P-384, P-521)"
    )
    parser.add_argument("--certificate", metavar="FILE", help="the certificate of the key, as PEM")
    parser.add_argument(
        "--certificate-chain",
        metavar="FILE",
        action="append",
        default=[],
        help="certificates between that one and its root",
    )
    parser.add_argument("--signature", metavar="FILE", help="where it goes (default: DIRECTORY/model.sig)")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.trust.publisher_signature import sign

    signed = sign(
        args.directory,
        args.private_key,
        password=os.environ.get(PASSWORD),
        certificate=args.certificate,
        certificate_chain=args.certificate_chain,
        signature=args.signature,
    )
    text = f"{signed.signature}: {signed.files} files, signed by {signed.signer}"
    _output.emit(args, text, signed._asdict())
    return _exit.OK
