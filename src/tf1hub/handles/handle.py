"""What a handle is: its kind, its pin, and the one spelling that names its cache entry.

A handle is what users write in their programs to name a module: a path, a URL,
a place in remote storage. Several spellings name the same module; `parse` maps
those that are known to be the same to one canonical spelling.
"""

from __future__ import annotations

import enum
import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tf1hub.arguments import handle_text
from tf1hub.errors import HandleError
from tf1hub.storage import local_path, redact

FORMAT_PARAMETER = "tf-hub-format"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PIN = re.compile(r"#(sha256:.*)$", re.DOTALL)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_KAGGLE_HOSTS = ("kaggle.com", "www.kaggle.com")
_SLUG = r"[A-Za-z0-9_.-]+"
# Kaggle shows both forms of address; the short one is the older. Compiled where a handle
# may be one: that takes milliseconds.
_KAGGLE_SHORT = (
    rf"(?i)/?(?:models/)?(?P<owner>{_SLUG})/(?P<model>{_SLUG})/(?P<framework>tensorflow[12])"
    rf"/(?P<variation>{_SLUG})(?:/(?P<version>\d+))?/?"
)
_KAGGLE_LONG = (
    rf"(?i)/models/(?P<owner>{_SLUG})/(?P<model>{_SLUG})/frameworks/(?P<framework>tensorflow[12])"
    rf"/variations/(?P<variation>{_SLUG})(?:/versions/(?P<version>\d+))?/?"
)


class Kind(enum.Enum):
    """Where a handle points."""

    DIRECTORY = "directory"
    ARCHIVE = "archive"
    HTTP = "http"
    REMOTE_DIRECTORY = "remote directory"
    REMOTE_ARCHIVE = "remote archive"


class Handle(NamedTuple):
    """A parsed handle.

    Attributes:
        given: what the user wrote, without the pin.
        kind: where it points.
        location: the path or URL to go to, without pin and fragment, in the
            user's spelling. URLs may hold credentials: print `shown`, never this.
        canonical: the one spelling, of those known to name the same module,
            whose SHA-1 names the cache entry. Without user information.
        pin: `"sha256:..."`, the digest that the content must have, or None.
    """

    given: str
    kind: Kind
    location: str
    canonical: str
    pin: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine's file system."""
        return self.kind in (Kind.DIRECTORY, Kind.ARCHIVE)

    @property
    def is_versioned(self) -> bool:
        """Whether it is a URL whose last part is a version number, so that its content never changes."""
        if self.kind is not Kind.HTTP:
            return False
        last = urlsplit(self.canonical).path.rpartition("/")[2]
        return without_archive_suffix(last).isdigit()

    @property
    def shown(self) -> str:
        """The canonical spelling with secrets masked: for messages, logs and files."""
        return redact(self.canonical)

    def spellings(self) -> tuple[str, ...]:
        """Returns the spellings under whose SHA-1 an entry of this module may lie, the best first.

        The original library keyed its cache by the handle exactly as it was
        written, so its entries can lie under any of them.
        """
        names = [self.canonical, self.given, self.location]
        if self.kind is Kind.HTTP:
            joint = "&" if urlsplit(self.canonical).query else "?"
            names.append(f"{self.canonical}{joint}{FORMAT_PARAMETER}=compressed")
            if not urlsplit(self.canonical).query:
                names += [f"{self.canonical}/", f"{self.canonical}/?{FORMAT_PARAMETER}=compressed"]
        return tuple(dict.fromkeys(names))


def parse(handle: str | os.PathLike[str]) -> Handle:
    """Parses a handle.

    >>> parse("https://tfhub.dev/google/elmo/3/?tf-hub-format=compressed").canonical
    'https://tfhub.dev/google/elmo/3'
    >>> parse("google/elmo/tensorFlow1/default/3").canonical
    'https://www.kaggle.com/models/google/elmo/tensorFlow1/default/3'

    Args:
        handle: a path, a URL, a place in remote storage, or `OWNER/MODEL/tensorFlow1/VARIATION/VERSION`;
            each may end in `#sha256:` and 64 hexadecimal digits.

    Returns:
        The parsed handle.

    Raises:
        ArgumentError: it is no string.
        HandleError: it cannot name a module.
    """
    given = handle_text(handle)
    if not given.strip():
        raise HandleError("The handle is empty. Give a path, a URL, or a place in remote storage.")
    if "\0" in given:
        raise HandleError(f"The handle {given!r} holds a NUL character.")
    text, pin = _split_pin(given)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _parse_path(text, pin)
    name = scheme[1].lower()
    if name == "file":
        return _parse_path(local_path(text), pin)
    if name in ("http", "https"):
        return _parse_http(text, pin)
    return _parse_remote(text, name, pin)


def without_archive_suffix(name: str) -> str:
    """Returns `name` without `.tar`, `.tar.gz`, `.zip` and the like.

    >>> without_archive_suffix("3.tar.gz")
    '3'
    """
    # Here and below: a local directory needs nothing of what unpacks.
    from tf1hub.handles.compression import ARCHIVE_SUFFIXES

    for suffix in ARCHIVE_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def is_archive_name(name: str) -> bool:
    """Returns whether a path or URL path ends like an archive."""
    from tf1hub.handles.compression import ARCHIVE_SUFFIXES

    return name.lower().endswith(ARCHIVE_SUFFIXES)


def with_format(url: str, load_format: str) -> str:
    """Returns `url` with the query of the hosting protocol; its other parameters stay.

    >>> with_format("https://host/m/1?a=b", "compressed")
    'https://host/m/1?a=b&tf-hub-format=compressed'
    """
    parts = urlsplit(url)
    query = _without_format_parameter(parts.query)
    query = f"{query}&{FORMAT_PARAMETER}={load_format}" if query else f"{FORMAT_PARAMETER}={load_format}"
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def check_digest(digest: str, where: str) -> str:
    """Returns `digest` in lower case if it is `sha256:` and 64 hexadecimal digits.

    Raises:
        HandleError: it is not; the message begins with `where`.
    """
    if not _DIGEST.fullmatch(digest.lower()):
        raise HandleError(f"{where}: {digest!r} is not 'sha256:' followed by 64 hexadecimal digits.")
    return digest.lower()


def _split_pin(given: str) -> tuple[str, str | None]:
    match = _PIN.search(given)
    if match is None:
        return given, None
    return given[: match.start()], check_digest(match[1], f"The pin of the handle {redact(given)!r}")


def _parse_path(text: str, pin: str | None) -> Handle:
    match = re.fullmatch(_KAGGLE_SHORT, text) if "/tensorflow" in text.lower() else None
    if match and not text.startswith(("/", "models/")) and not os.path.lexists(text):
        canonical = _kaggle_canonical(match)
        return Handle(text, Kind.HTTP, canonical, canonical, pin)
    path = os.path.abspath(os.path.expanduser(text))
    is_archive = not os.path.isdir(path) and (_is_packed(path) or is_archive_name(path))
    return Handle(text, Kind.ARCHIVE if is_archive else Kind.DIRECTORY, path, path, pin)


def _is_packed(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    from tf1hub.handles.compression import looks_packed

    try:
        with open(path, "rb") as file:
            return looks_packed(file.read(512))
    except OSError:
        return False


def _parse_http(text: str, pin: str | None) -> Handle:
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise HandleError(f"The handle {text!r} is not a URL: {error}.") from error
    if not host:
        raise HandleError(f"The handle {text!r} names no host.")
    location = urlunsplit(parts._replace(fragment=""))
    scheme = parts.scheme.lower()
    if host in _KAGGLE_HOSTS and parts.path.lower().startswith("/models/"):
        match = re.fullmatch(_KAGGLE_LONG, parts.path) or re.fullmatch(_KAGGLE_SHORT, parts.path)
        if match:
            return Handle(text, Kind.HTTP, location, _kaggle_canonical(match), pin)
    if host == "tfhub.dev":
        scheme = "https"  # it never served anything over plain http but a redirect to this
    netloc = parts.netloc.rpartition("@")[2].lower().removesuffix(_DEFAULT_PORTS[parts.scheme.lower()])
    query = _without_format_parameter(parts.query)
    canonical = urlunsplit((scheme, netloc, parts.path.rstrip("/"), query, ""))
    return Handle(text, Kind.HTTP, location, canonical, pin)


def _parse_remote(text: str, scheme: str, pin: str | None) -> Handle:
    location = scheme + text[len(scheme) :].rstrip("/")
    if len(location) <= len(f"{scheme}://"):
        raise HandleError(f"The handle {text!r} names no place after {scheme}://.")
    kind = Kind.REMOTE_ARCHIVE if is_archive_name(location) else Kind.REMOTE_DIRECTORY
    return Handle(text, kind, location, location, pin)


def _kaggle_canonical(match: re.Match[str]) -> str:
    # Kaggle compares addresses without regard to case; only the framework has a customary spelling.
    framework = f"tensorFlow{match['framework'][-1]}"
    names = [match["owner"].lower(), match["model"].lower(), framework, match["variation"].lower()]
    if match["version"]:
        names.append(str(int(match["version"])))
    return "https://www.kaggle.com/models/" + "/".join(names)


def _without_format_parameter(query: str) -> str:
    pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != FORMAT_PARAMETER]
    return "&".join(pairs)
