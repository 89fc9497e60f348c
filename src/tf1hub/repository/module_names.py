"""How modules are named in a repository: `publisher/name/version`, as the first hubs did."""

from __future__ import annotations

import re
from typing import NamedTuple

from tf1hub.errors import HandleError

_SEGMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?", re.ASCII)
_VERSION = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
# `con`, `aux.txt` and the like are devices on Windows, wherever they lie.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.ASCII)
_MAX_SEGMENTS = 6

RESERVED = frozenset(
    {"api", "static", "health", "metrics", "search", "feed.xml", "robots.txt", "favicon.ico"}
)
"""First parts of addresses that are no publishers."""

_RULE = (
    "Names have letters, digits, '.', '_' and '-', begin with a letter or digit, and have at most 64 characters; "
    "a version is a number."
)


class ModuleName(NamedTuple):
    """A module: whose it is, and what it is called.

    Attributes:
        publisher: the publisher.
        name: the name below the publisher; may have parts, as `imagenet/inception_v3/feature_vector`.
    """

    publisher: str
    name: str

    def __str__(self) -> str:
        return f"{self.publisher}/{self.name}"

    def at(self, version: int) -> VersionName:
        """One version of it."""
        return VersionName(self.publisher, self.name, version)


class VersionName(NamedTuple):
    """One version of a module."""

    publisher: str
    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.publisher}/{self.name}/{self.version}"

    @property
    def module(self) -> ModuleName:
        """The module that it is a version of."""
        return ModuleName(self.publisher, self.name)


def is_version(text: str) -> bool:
    """Whether a part of a path is a version.

    >>> [is_version(text) for text in ("3", "03", "v3", "latest")]
    [True, False, False, False]
    """
    return _VERSION.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a publisher, or a part of a module's name, can be called so.

    >>> [is_name(text) for text in ("nnlm-en-dim50", "..", "3", "a b", "aux")]
    [True, False, False, False, False]
    """
    return (
        _SEGMENT.fullmatch(text) is not None
        and not is_version(text)
        and not text.isdigit()
        and not _DEVICE.fullmatch(text)
    )


def check_alias(text: str) -> str:
    """Returns an alias, such as `prod`.

    Raises:
        HandleError: no alias can be called so.
    """
    if not _ALIAS.fullmatch(text):
        raise HandleError(
            f"{text!r} cannot be an alias. Write lower-case letters, digits and '-', such as 'prod'."
        )
    return text


def module_name(text: str) -> ModuleName:
    """The module that `publisher/name` names.

    >>> module_name("google/imagenet/inception_v3")
    ModuleName(publisher='google', name='imagenet/inception_v3')

    Raises:
        HandleError: nothing can be called so.
    """
    parts = text.strip("/").split("/")
    if not 2 <= len(parts) <= _MAX_SEGMENTS + 1 or not all(map(is_name, parts)) or parts[0] in RESERVED:
        raise HandleError(f"{_show(text)} does not name a module. Write PUBLISHER/NAME. {_RULE}")
    return ModuleName(parts[0], "/".join(parts[1:]))


def version_name(text: str) -> VersionName:
    """The version that `publisher/name/version` names.

    >>> str(version_name("google/nnlm-en-dim50/1"))
    'google/nnlm-en-dim50/1'

    Raises:
        HandleError: nothing can be called so.
    """
    rest, _, version = text.strip("/").rpartition("/")
    if not is_version(version):
        raise HandleError(
            f"{_show(text)} does not name a version of a module. Write PUBLISHER/NAME/VERSION. {_RULE}"
        )
    return module_name(rest).at(int(version))


def check_publisher(text: str) -> str:
    """Returns a publisher's name.

    Raises:
        HandleError: nobody can be called so.
    """
    if not is_name(text) or text in RESERVED:
        raise HandleError(f"{_show(text)} cannot be a publisher. {_RULE}")
    return text


def _show(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")
