"""What the environment and the configuration file allow: for all modules, by handle, by path, or by content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tf1hub.configuration import NO, YES, Config, config_path
from tf1hub.errors import ArgumentError, CacheError, HandleError, UnknownNameError
from tf1hub.spec.permission import EVERYTHING, permission

VARIABLE = "TF1HUB_TRUST"
TABLE = "trust"
_DIGEST = "sha256:"


class Rule(NamedTuple):
    """What the configuration file allows to some modules.

    Attributes:
        of: the beginning of their handles, or a path, or the digest of their content.
        allowed: what they may do.
    """

    of: str
    allowed: frozenset[str]


def allowed_by_rules(module: str, environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """What the environment and the configuration file allow a module to do.

    Args:
        module: its directory.
        environ: the environment; `os.environ` by default.

    Raises:
        HandleError: the variable or the file says what cannot be meant.
    """
    env = os.environ if environ is None else environ
    allowed = _of_environment(env.get(VARIABLE, ""))
    for rule in _rules(Config(config_path(env))):
        if EVERYTHING not in allowed and not rule.allowed <= allowed and _is_of(rule.of, module):
            allowed |= rule.allowed
    return allowed


def _of_environment(text: str) -> frozenset[str]:
    if text.lower() in NO:
        return frozenset()
    if text.lower() in YES:
        return frozenset({EVERYTHING})
    try:
        return permission([word.strip() for word in text.split(",") if word.strip()], VARIABLE)
    except UnknownNameError as error:
        raise HandleError(str(error)) from error


def _rules(config: Config) -> Iterator[Rule]:
    for of, said in (config.get(TABLE, dict) or {}).items():
        yield Rule(of, _permission(said, f"{config.path}: [{TABLE}] {of!r}"))


def _permission(said: Any, given_by: str) -> frozenset[str]:
    try:
        return permission(said, given_by)
    except (UnknownNameError, ArgumentError) as error:
        raise HandleError(str(error)) from error


def _is_of(of: str, module: str) -> bool:
    if of.startswith(_DIGEST):
        return os.path.isdir(module) and _digest(module) == of
    names = [module, _handle_of(module)]
    start = of if "://" in of else os.path.expanduser(of)
    return any(name is not None and _begins(name, start) for name in names)


def _begins(name: str, start: str) -> bool:
    """Whether a handle or a path begins with another, and not in the middle of a word."""
    if not name.startswith(start):
        return False
    rest = name[len(start) :]
    return not rest or start.endswith("/") or rest[0] in "/?#"


def _digest(module: str) -> str:
    """The digest of what is there now, whatever the cache's record says."""
    from tf1hub.handles import manifest

    return manifest.content_digest(manifest.of_directory(module))


def _handle_of(module: str) -> str | None:
    """The handle of a module in a cache of ours; elsewhere, anybody may have written such a record."""
    from tf1hub.handles import manifest, settings

    found = settings.from_environment()
    if os.path.dirname(module) not in (found.cache_dir, *found.read_cache_dirs):
        return None
    path = f"{module}.manifest.json"
    try:
        with open(path, encoding="utf-8") as file:
            return manifest.from_json(file.read(), path).handle
    except (OSError, UnicodeDecodeError, CacheError):
        return None
