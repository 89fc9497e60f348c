"""Which credentials go to which host. They are never logged, and never follow a redirect to another host."""

from __future__ import annotations

import base64
import netrc
import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from tf1hub.errors import HandleError

_PREFIX = "TF1HUB_TOKEN_"


def variable_for(host: str) -> str:
    """Returns the environment variable that holds the token of a host.

    >>> variable_for("models.example.org:8443")
    'TF1HUB_TOKEN_MODELS_EXAMPLE_ORG_8443'
    """
    return _PREFIX + re.sub(r"[^A-Za-z0-9]", "_", host).upper()


def authorization(url: str, handle_url: str, tokens: Mapping[str, str]) -> str | None:
    """Returns the `Authorization` header for a request, or None.

    In this order: user and password in the handle itself (only for its own
    host), the environment, the configuration file, `.netrc`.

    Args:
        url: what is requested, perhaps after redirects.
        handle_url: the URL that the user gave.
        tokens: tokens per host from the configuration file.
    """
    parts = urlsplit(url)
    host, netloc = parts.hostname or "", parts.netloc.rpartition("@")[2].lower()
    given = urlsplit(handle_url)
    if given.username is not None and _origin(given) == _origin(parts):
        return _basic(unquote(given.username), unquote(given.password or ""))
    for name in (netloc, host):
        token = os.environ.get(variable_for(name)) or tokens.get(name)
        if token:
            return _check(token, name)
    return _from_netrc(host)


def _origin(parts: object) -> tuple[object, ...]:
    return tuple(getattr(parts, name) for name in ("scheme", "hostname", "port"))


def _check(token: str, host: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable():
        raise HandleError(f"The token for {host} holds characters that a header cannot carry.")
    # "Basic ..." and the like are sent as they are.
    return token if " " in token else f"Bearer {token}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _from_netrc(host: str) -> str | None:
    path = os.environ.get("NETRC") or os.path.join(os.path.expanduser("~"), ".netrc")
    if not os.path.isfile(path):
        return None
    try:
        found = netrc.netrc(path).authenticators(host)
    except (netrc.NetrcParseError, OSError) as error:
        # Neither the line nor the cause may be shown: it can hold the password.
        raise HandleError(f"{path} cannot be read as a netrc file ({type(error).__name__}).") from None
    return _basic(found[0], found[2] or "") if found else None
