"""Who asks: tokens in requests, and no end of guesses."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections import OrderedDict

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tf1hub.errors import AccessError
from tf1hub.repository.access_tokens import READ, AccessTokens, Token
from tf1hub.server.telling import tell

_GUESSES = 10
_WINDOW = 60.0
_MOST_CLIENTS = 10_000
# Uploads ask for a token that may write, which need not be one that reads what others have.
_OPEN = ("/health", "/static/", "/api/v1/uploads")


class Guesses:
    """Counts wrong tokens of each address.

    Args:
        most: how many are answered within a minute.
        window: the minute, in seconds.
    """

    def __init__(self, most: int = _GUESSES, window: float = _WINDOW) -> None:
        self._most = most
        self._window = window
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._turn = threading.Lock()

    def wait(self, address: str) -> float:
        """Seconds until a token of this address is looked at again; 0 for at once."""
        now = time.monotonic()
        with self._turn:
            times = [then for then in self._wrong.get(address, []) if now - then < self._window]
            return times[-self._most] + self._window - now if len(times) >= self._most else 0.0

    def note(self, address: str) -> None:
        """Notes a wrong one."""
        now = time.monotonic()
        with self._turn:
            times = self._wrong.pop(address, [])
            self._wrong[address] = [*times[-self._most :], now]
            if len(self._wrong) > _MOST_CLIENTS:
                self._wrong.popitem(last=False)


def authorize(request: HTTPConnection, action: str, publisher: str) -> Token:
    """The token of a request that allows an action on what a publisher has.

    Raises:
        HTTPException: 401 without a token or with a wrong one, 403 with one that does not allow it, 429 after too many.
    """
    token = find_token(request)
    if token is None:
        raise _unknown("This needs a token. Send 'Authorization: Bearer TOKEN'.")
    if not token.may(action, publisher):
        whose = publisher if publisher != "*" else "all publishers"
        raise HTTPException(403, f"The token {token.name!r} does not allow to {action} what {whose} has.")
    return token


def find_token(request: HTTPConnection) -> Token | None:
    """The token of a request; None without one.

    Raises:
        HTTPException: 401 with a wrong one, 429 after too many of those.
    """
    secret = _secret_of(request.headers.get("Authorization", ""))
    if not secret:
        return None
    guesses: Guesses = request.app.state.guesses
    tokens: AccessTokens = request.app.state.tokens
    address = address_of(request)
    wait = guesses.wait(address)
    if wait:
        message = "Too many wrong tokens came from this address. Wait."
        raise HTTPException(429, message, {"Retry-After": str(int(wait) + 1)})
    try:
        return tokens.find(secret)
    except AccessError as error:
        guesses.note(address)
        raise _unknown(str(error)) from error


def address_of(request: HTTPConnection) -> str:
    """Where a request comes from: behind a proxy of one's own, what that says."""
    if request.app.state.options.behind_proxy:
        said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if said:
            return said[:64]
    return request.client.host if request.client else ""


def _unknown(message: str) -> HTTPException:
    return HTTPException(401, message, {"WWW-Authenticate": 'Bearer realm="tf1hub"'})


def _secret_of(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        # What git, curl and browsers can send: the token as the password.
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


class PrivateReading:
    """Lets those read who have a token for it, where a server is private.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN):
            request = Request(scope)
            try:
                authorize(request, READ, publisher_of(scope["path"]))
            except HTTPException as error:
                headers = dict(error.headers or {})
                if error.status_code == 401:
                    # A browser asks its user for this; the token is the password.
                    headers["WWW-Authenticate"] = 'Basic realm="tf1hub"'
                await tell(request, error.status_code, error.detail, headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def publisher_of(path: str) -> str:
    """Whose modules an address tells of; `*` for those of many."""
    parts = [part for part in path.split("/") if part]
    if parts[:3] == ["api", "v1", "modules"] and len(parts) > 3:
        return parts[3]
    if not parts or parts[0] in ("api", "search", "feed.xml", "metrics"):
        return "*"
    return parts[0]
