"""`tf1hub search`: finds modules on hubs."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tf1hub.cli import _exit, _output


def add_hub_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--hub`, for verbs that ask hubs."""
    parser.add_argument(
        "--hub",
        action="append",
        metavar="URL",
        help="a hub, or a repository's folder; may be repeated (default: $TF1HUB_HUBS)",
    )


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "search",
        help="find modules on hubs",
        description="Lists the modules that have all words, or words that begin so. Exit codes: 0 some were found, 1 none "
        "were.",
    )
    parser.add_argument("query", metavar="QUERY", nargs="*", help="words; none for all modules")
    add_hub_option(parser)
    for facet, words in (
        ("task", "a common signature that it keeps, such as text_feature_vector"),
        ("dtype", "what its signatures take or give"),
        ("publisher", "whose it is"),
        ("size", "tiny, small, medium, large or huge"),
        ("tensorflow", "a version that has all its ops"),
    ):
        parser.add_argument(f"--{facet}", action="append", default=[], help=words)
    parser.add_argument("--fine-tunable", action="store_true", help="only with variables that can be trained")
    parser.add_argument("--limit", type=int, default=50, help="how many of each hub (default: 50)")
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.repository.hubs import search

    facets = {name: getattr(args, name) for name in ("task", "dtype", "publisher", "size", "tensorflow")}
    facets["fine_tunable"] = ["yes"] if args.fine_tunable else []
    chosen = {name: values for name, values in facets.items() if values}
    found = search(" ".join(args.query), hubs=args.hub, facets=chosen, limit=args.limit)
    for where, fault in found["faults"].items():
        print(f"tf1hub search: {where}: {fault}", file=sys.stderr)
    rows = [
        (
            module["handle"],
            ", ".join(module["tasks"]),
            _output.human_bytes(module["bytes"]),
            module["summary"][:60],
            module["hub"],
        )
        for module in found["modules"]
    ]
    _output.emit(
        args,
        _output.table(("module", "task", "size", "about", "hub"), rows, right=(2,)) if rows else "",
        found,
    )
    if found["faults"] and not rows:
        return _exit.UNAVAILABLE
    return _exit.OK if rows else _exit.FOUND_FAULT
