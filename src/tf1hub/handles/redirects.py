"""Where handles were found: redirects that were followed are remembered in a file.

The file is `redirects.toml` in the cache directory, one line per handle:

    "https://tfhub.dev/google/elmo/3" = "https://elsewhere.example/elmo/3.tar.gz"

When a host is gone, the place that it last pointed to is still asked. Users
may edit the file, add lines, and carry it to other machines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from tf1hub.configuration import load_toml
from tf1hub.handles import cache_files

FILE_NAME = "redirects.toml"

_HEAD = """# Handles and where they were found, remembered by tf1hub. You may edit this file.
"""


def path_in(root: str) -> str:
    """Returns the file's path in a cache directory."""
    return os.path.join(root, FILE_NAME)


def load(root: str) -> dict[str, str]:
    """Returns handle -> place, `{}` where there is no file.

    Raises:
        HandleError: the file is not TOML.
    """
    path = path_in(root)
    if not os.path.isfile(path):
        return {}
    return {str(handle): str(place) for handle, place in load_toml(path).items()}


def aliases(known: Mapping[str, str], canonical: str) -> tuple[str, ...]:
    """Returns the spellings that a remembered redirect ties to this one, in both directions."""
    from tf1hub.handles.handle import parse

    found = [known[canonical]] if canonical in known else []
    found += [handle for handle, place in known.items() if parse(place).canonical == canonical]
    return tuple(parse(one).canonical for one in found)


def remember(root: str, handle: str, target: str) -> None:
    """Writes down that `handle` was found at `target`; other lines and comments stay."""
    path = path_in(root)
    known = load(root)
    if known.get(handle) == target:
        return
    line = f"{_quote(handle)} = {_quote(target)}\n"
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = _HEAD
    if handle in known:
        # Only a line that begins with exactly this key is the one that `load` read.
        kept = [one for one in text.splitlines(keepends=True) if not one.lstrip().startswith(_quote(handle))]
        text = "".join(kept)
    if text and not text.endswith("\n"):
        text += "\n"
    cache_files.write_text(path, text + line)


def _quote(text: str) -> str:
    # A JSON string without non-ASCII escapes beyond the BMP is a TOML basic string.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
