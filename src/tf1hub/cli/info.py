"""`tf1hub info`: what a hub knows of a module."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit, _output
from tf1hub.cli.search import add_hub_option


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "info",
        help="tell what a hub knows of a module, without fetching it",
        description="Tells digest, size, signatures and more of PUBLISHER/NAME[/VERSION], or of a URL on a hub.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="PUBLISHER/NAME[/VERSION], or a URL")
    add_hub_option(parser)
    _output.add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.repository.hubs import info

    found = info(args.handle, hubs=args.hub)
    _output.emit(args, "\n".join(_tell(found)), found)
    return _exit.OK


def _tell(found: dict[str, Any]) -> list[str]:
    lines = [
        _output.title(f"{found['handle']} on {found['hub']}"),
        f"status: {found['status']}{': ' + found['reason'] if found['reason'] else ''}",
        f"digest: {found['digest'] or 'none'}",
        f"size: {_output.human_bytes(found['bytes'])} in {found['files']} files, {found['parameters']:,} parameters",
        f"published: {found['published']}",
    ]
    for key, words in (("source", "copy of"), ("summary", "about")):
        if found[key]:
            lines.append(f"{words}: {found[key]}")
    lines.append(f"keeps: {', '.join(found['tasks']) or 'no common signature'}")
    lines.append(f"TensorFlow: {', '.join(found['tensorflow']) or 'none has all its ops'}")
    if found["needs"]:
        lines.append(f"would have to be allowed: {', '.join(found['needs'])}")
    for variant in found.get("description", {}).get("variants", ()):
        tags = ", ".join(map(repr, variant["tags"]))
        names = ", ".join(signature["name"] for signature in variant["signatures"])
        lines.append(f"variant {{{tags}}}: {names}")
    return lines
