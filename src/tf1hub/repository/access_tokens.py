"""Who may do what: tokens, of which only digests are kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from tf1hub.errors import AccessError, HandleError, UnknownModuleError
from tf1hub.repository.layout import PRIVATE
from tf1hub.repository.module_names import check_publisher
from tf1hub.repository.private_files import locked, read_json, write_json
from tf1hub.storage import Place

READ, WRITE, ADMIN = "read", "write", "admin"
_FILE = f"{PRIVATE}/tokens.json"
_PREFIX = "tf1hub_"


class Token(NamedTuple):
    """A token, without its secret.

    Attributes:
        name: what it is called, in the audit log too.
        scopes: what it allows: `read:PUBLISHER`, `write:PUBLISHER` with `*` for all of them, `admin`.
        made: when.
    """

    name: str
    scopes: tuple[str, ...]
    made: str

    def may(self, action: str, publisher: str) -> bool:
        """Whether it allows an action on what a publisher has; writing includes reading."""
        if ADMIN in self.scopes:
            return True
        allowed = {action, WRITE} if action == READ else {action}
        return any(f"{one}:{whose}" in self.scopes for one in allowed for whose in (publisher, "*"))


def check_scope(scope: str) -> str:
    """Returns a scope.

    Raises:
        HandleError: there is no such scope.
    """
    action, _, publisher = scope.partition(":")
    if scope != ADMIN and (action not in (READ, WRITE) or not publisher):
        raise HandleError(
            f"{scope!r} is no scope. Write read:PUBLISHER, write:PUBLISHER, with * for all, or admin."
        )
    if scope != ADMIN and publisher != "*":
        check_publisher(publisher)
    return scope


class AccessTokens:
    """The tokens of a repository.

    Args:
        place: the repository's folder.
        state: its own directory.
    """

    def __init__(self, place: Place, state: str) -> None:
        self._place = place
        self._state = state
        self._known: tuple[object, dict[str, Token]] = (None, {})

    def make(self, name: str, scopes: Iterable[str]) -> str:
        """Makes a token.

        Args:
            name: what it is called.
            scopes: what it allows.

        Returns:
            Its secret, which is told this once.

        Raises:
            HandleError: a scope or the name cannot be.
        """
        if not name.isascii() or not name.isprintable() or not name.strip() or len(name) > 64:
            raise HandleError(f"{name!r} cannot be the name of a token. Write a few letters, such as 'ci'.")
        checked = [check_scope(scope) for scope in scopes]
        if not checked:
            raise HandleError("A token without scopes allows nothing. Give one, such as write:PUBLISHER.")
        secret = _PREFIX + secrets.token_urlsafe(32)
        with locked(self._state, "tokens"):
            stored = read_json(self._place, _FILE) or {}
            if name in stored:
                raise HandleError(f"There is a token {name!r} already. Remove it, or choose another name.")
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            stored[name] = {"sha256": _digest(secret), "scopes": checked, "made": now}
            self._write(stored)
        return secret

    def remove(self, name: str) -> None:
        """Makes a token worthless.

        Raises:
            UnknownModuleError: there is none of this name.
        """
        with locked(self._state, "tokens"):
            stored = read_json(self._place, _FILE) or {}
            if name not in stored:
                raise UnknownModuleError(
                    f"There is no token {name!r}. There are: {', '.join(sorted(stored)) or 'none'}."
                )
            del stored[name]
            self._write(stored)

    def all(self) -> list[Token]:
        """All tokens, sorted by name."""
        return sorted(self._tokens().values())

    def find(self, secret: str) -> Token:
        """The token with this secret.

        Raises:
            AccessError: there is none.
        """
        # The secret is as random as the digest: nothing is gained by a slow hash, nor by its timing.
        wanted = _digest(secret)
        for digest, token in self._tokens().items():
            if hmac.compare_digest(digest, wanted):
                return token
        raise AccessError("This token is not known here. It may have been removed.")

    def _tokens(self) -> dict[str, Token]:
        stamp = self._stamp()
        if stamp is None or self._known[0] != stamp:
            stored = read_json(self._place, _FILE) or {}
            tokens = {
                one["sha256"]: Token(name, tuple(one["scopes"]), one["made"]) for name, one in stored.items()
            }
            self._known = (stamp, tokens)
        return self._known[1]

    def _stamp(self) -> object:
        if not self._place.is_local:
            return None
        try:
            status = os.stat(self._place.path(_FILE))
        except OSError:
            return "none"
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _write(self, stored: object) -> None:
        write_json(self._place, _FILE, stored)
        if self._place.is_local:
            os.chmod(self._place.path(_FILE), 0o600)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
