"""`tf1hub token`: who may publish in a repository."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "token",
        help="make, list and remove the tokens of a repository",
        description="Tokens allow to read or write what a publisher has: read:PUBLISHER, write:PUBLISHER, with * for all, "
        "and admin. Only digests of them are kept.",
    )
    verbs = parser.add_subparsers(title="what to do", dest="what", metavar="WHAT", required=True)
    make = verbs.add_parser("make", help="make a token, and print it this once")
    make.add_argument("folder", metavar="FOLDER", help="the repository's folder")
    make.add_argument("name", metavar="NAME", help="what the token is called, in the audit log too")
    make.add_argument("scopes", metavar="SCOPE", nargs="+", help="write:PUBLISHER and the like")
    lister = verbs.add_parser("list", help="list the tokens")
    lister.add_argument("folder", metavar="FOLDER", help="the repository's folder")
    remove = verbs.add_parser("rm", help="make a token worthless")
    remove.add_argument("folder", metavar="FOLDER", help="the repository's folder")
    remove.add_argument("name", metavar="NAME", help="what the token is called")
    for each in (make, lister, remove):
        _output.add_output_options(each)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.repository.access_tokens import AccessTokens
    from tf1hub.repository.repository import Repository

    with Repository(args.folder) as repository:
        tokens = AccessTokens(repository.layout.place, repository.state)
        if args.what == "make":
            secret = tokens.make(args.name, args.scopes)
            _output.emit(args, secret, {"name": args.name, "token": secret})
        elif args.what == "rm":
            tokens.remove(args.name)
        else:
            known = tokens.all()
            rows = [(token.name, " ".join(token.scopes), token.made) for token in known]
            document = {"tokens": [token._asdict() for token in known]}
            _output.emit(args, _output.table(("name", "scopes", "made"), rows), document)
    return _exit.OK
