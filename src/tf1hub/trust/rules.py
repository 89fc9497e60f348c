"""What the environment and the configuration file allow, and whose signature the file demands.

Rules are for all modules, or by handle, by path, or by content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tf1hub.configuration import NO, YES, Config, config_path
from tf1hub.errors import ArgumentError, CacheError, HandleError, UnknownNameError
from tf1hub.spec.permission import EVERYTHING, permission

VARIABLE = "TF1HUB_TRUST"
TABLE = "trust"
ALL = "*"
_DIGEST = "sha256:"
_KEYS = {"allow", "signed_by"}


class Rule(NamedTuple):
    """What the configuration file says of some modules.

    Attributes:
        of: the beginning of their handles, or a path, or the digest of their content; `"*"` for all. In a repository,
            the beginning of their names there.
        allowed: what they may do.
        signed_by: the PEM files of those one of whom must have signed them; none where nobody must.
        where: where the rule stands, for messages.
    """

    of: str
    allowed: frozenset[str]
    signed_by: tuple[str, ...]
    where: str

    def is_of_name(self, name: str) -> bool:
        """Whether it is for a module of a repository that has this name there.

        Args:
            name: publisher, name and version, as in `demo/half/1`.
        """
        return self.of == ALL or _begins(name, self.of)


def find_allowed(module: str, environ: Mapping[str, str] | None = None) -> frozenset[str]:
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


def demands(module: str, environ: Mapping[str, str] | None = None) -> list[Rule]:
    """The rules that demand a signature of a module.

    Args:
        module: its directory.
        environ: the environment; `os.environ` by default.

    Raises:
        HandleError: the file says what cannot be meant.
    """
    env = os.environ if environ is None else environ
    rules = _rules(Config(config_path(env)))
    return [rule for rule in rules if rule.signed_by and _is_of(rule.of, module)]


def demands_of(name: str, environ: Mapping[str, str] | None = None, *, every: bool = False) -> list[Rule]:
    """The rules that demand a signature of a module of a repository, by its name there.

    Args:
        name: publisher, name and version, as in `demo/half/1`.
        environ: the environment; `os.environ` by default.
        every: whether to give all rules that demand one of anything.

    Raises:
        HandleError: the file says what cannot be meant.
    """
    env = os.environ if environ is None else environ
    rules = _rules(Config(config_path(env)))
    return [rule for rule in rules if rule.signed_by and (every or rule.is_of_name(name))]


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
        where = f"{config.path}: [{TABLE}] {of!r}"
        if not isinstance(said, dict):
            yield Rule(of, _permission(said, where), (), where)
            continue
        unknown = sorted(said.keys() - _KEYS)
        if unknown:
            raise HandleError(f"{where} has the key {unknown[0]!r}. There are: {', '.join(sorted(_KEYS))}.")
        yield Rule(of, _permission(said.get("allow"), where), _signers(said, where, config.path), where)


def _signers(said: Mapping[str, Any], where: str, path: str) -> tuple[str, ...]:
    """PEM files; a relative path begins beside the configuration file."""
    given = said.get("signed_by", [])
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise HandleError(
            f"{where}: signed_by names PEM files, a string or a list of strings, not {given!r}."
        )
    if "signed_by" in said and not names:
        raise HandleError(
            f"{where}: signed_by is empty. Name the PEM file of a public key or of certificates."
        )
    directory = os.path.dirname(os.path.abspath(path))
    return tuple(os.path.join(directory, os.path.expanduser(name)) for name in names)


def _permission(said: Any, given_by: str) -> frozenset[str]:
    try:
        return permission(said, given_by)
    except (UnknownNameError, ArgumentError) as error:
        raise HandleError(str(error)) from error


def _is_of(of: str, module: str) -> bool:
    if of == ALL:
        return True
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
