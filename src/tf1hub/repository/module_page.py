"""The Markdown page of a module, as the first hubs had them: a title, a summary, metadata in comments, then the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

KEYS: Mapping[str, str] = {
    "task": "Task",
    "language": "Language",
    "dataset": "Data set",
    "network-architecture": "Architecture",
    "fine-tunable": "Fine-tunable",
    "format": "Format",
    "license": "License",
    "parent-model": "Belongs to",
    "asset-path": "Published at",
    "colab": "Notebook",
    "demo": "Demo",
    "interactive-visualizer": "Visualizer",
}
"""The keys of metadata, each with the words that pages show."""

_OLDER = {"module-type": "task", "model-type": "task"}
# Values have no `<`: so a page of beginnings alone is read in one pass.
_METADATA = re.compile(r"<!--\s*([a-z][a-z-]*)\s*:([^<>]{0,500}?)-->")
_TITLE = re.compile(
    r"\A\s*#\s+(?:(Module|Lite|Tfjs|Coral|Placeholder|Publisher|Collection)\s+)?(\S.*?)\s*#*\s*$",
    re.MULTILINE,
)
# `[![Open Colab notebook]](https://...)`: older pages had buttons where newer ones have metadata.
_BUTTON = re.compile(r"\[!\[(?P<label>[^\[\]\n]{1,80})\]\]\((?P<url>[^()\s]{1,500})\)")
_BUTTONS = {"open colab notebook": "colab", "open demo": "demo"}
_HEADING = re.compile(r"^\s{0,3}(#{1,6}\s|[=-]{3,}\s*$)")


class ModulePage(NamedTuple):
    """A page, read.

    Attributes:
        kind: what the title says that it is about, such as `"Module"` or `"Publisher"`; may be empty.
        title: what it is about; may be empty.
        summary: what the page says before its first heading, in Markdown.
        metadata: values by key, in the order of `KEYS`; a key that occurs more than once has several.
        text: the rest, in Markdown.
    """

    kind: str
    title: str
    summary: str
    metadata: Mapping[str, tuple[str, ...]]
    text: str


def read_page(page: str) -> ModulePage:
    """Takes a page apart; one that was written without these rules is all text.

    Example:
        >>> page = read_page('''# Module google/nnlm-en-dim128/1
        ... Token based text embedding.
        ...
        ... <!-- language: en -->
        ... <!-- module-type: text-embedding -->
        ...
        ... ## Overview
        ... It maps text to vectors.''')
        >>> page.title, page.summary, dict(page.metadata)
        ('google/nnlm-en-dim128/1', 'Token based text embedding.', {'task': ('text-embedding',), 'language': ('en',)})
        >>> page.text
        '## Overview\\nIt maps text to vectors.'
    """
    page = page.replace("\r\n", "\n").lstrip("\ufeff")
    found: dict[str, list[str]] = {}

    def note(key: str, value: str) -> bool:
        key, value = _OLDER.get(key, key), " ".join(value.split())
        if key not in KEYS:
            return False
        if value and value not in found.setdefault(key, []):
            found[key].append(value)
        return True

    page = _METADATA.sub(lambda match: "" if note(match[1], match[2]) else match[0], page)
    page = _BUTTON.sub(
        lambda match: "" if note(_BUTTONS.get(match["label"].lower(), ""), match["url"]) else match[0], page
    )
    match = _TITLE.match(page)
    kind, title = (match[1] or "", match[2]) if match else ("", "")
    rest = page[match.end() :] if match else page
    summary, text = _split(rest) if match else ("", rest)
    ordered = {key: tuple(found[key]) for key in KEYS if found.get(key)}
    return ModulePage(kind, title, summary.strip(), ordered, text.strip())


def _split(text: str) -> tuple[str, str]:
    """What is said before the first heading, and from there on."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _HEADING.match(line) and line.lstrip().startswith("#"):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    first, _, rest = text.strip().partition("\n\n")
    return first, rest
