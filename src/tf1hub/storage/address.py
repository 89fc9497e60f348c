"""How places are written: a path of this machine, or a URL."""

from __future__ import annotations

import os
import posixpath
import re
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from tf1hub.errors import HandleError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# Credentials must not reach logs, messages or files.
_SECRET_PARAMETER = re.compile(r"token|secret|sig|key|password|credential|auth|expires|policy", re.IGNORECASE)


def scheme_of(path: str) -> str:
    """The scheme of a URL in lower case, or `""`.

    >>> scheme_of("S3://bucket/m"), scheme_of("C:/m"), scheme_of("/data/m")
    ('s3', '', '')
    """
    match = _SCHEME.match(path)
    return match[1].lower() if match else ""


def is_remote(path: str) -> bool:
    """Whether a path is a URL of something else than a file of this machine.

    >>> is_remote("gs://bucket/m"), is_remote("/data/m"), is_remote("file:///data/m"), is_remote("C:/m")
    (True, False, False, False)
    """
    return scheme_of(path) not in ("", "file")


def local_path(path: str) -> str:
    """The path of a file of this machine that is written as a `file://` URL; any other path as it is.

    >>> local_path("file:///data/a%20module"), local_path("file://localhost/data/m"), local_path("m")
    ('/data/a module', '/data/m', 'm')

    Raises:
        HandleError: the URL names another host.
    """
    if scheme_of(path) != "file":
        return path
    host, slash, rest = path[len("file://") :].partition("/")
    if host not in ("", "localhost"):
        raise HandleError(f"{path!r} names the host {host!r}. Write file:///PATH instead.")
    # TensorFlow takes such a path as it is written; everybody else decodes it.
    written = slash + rest
    found = written if "%" not in written or os.path.lexists(written) else unquote(written)
    # file:///C:/module: the slash before the drive is the URL's, not the path's.
    return found[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", found) else found


def absolute(path: str) -> str:
    """A path that stands for the same place after a change of the working directory."""
    return path.rstrip("/") if is_remote(path) else os.path.abspath(local_path(path))


def join_path(path: str, name: str) -> str:
    """The place `name`, with `/` between its parts, below a path.

    >>> join_path("gs://bucket/m/", "assets/vocab.txt")
    'gs://bucket/m/assets/vocab.txt'
    """
    if not name:
        return path
    return posixpath.join(path, name) if is_remote(path) else os.path.join(path, *name.split("/"))


def split_path(path: str) -> tuple[str, str]:
    """The directory that a place lies in, and its name there.

    >>> split_path("gs://bucket/model.ckpt-10"), split_path("file:///data/model.ckpt")
    (('gs://bucket', 'model.ckpt-10'), ('/data', 'model.ckpt'))
    """
    if not is_remote(path):
        return os.path.split(local_path(path))
    directory, _, name = path.rstrip("/").rpartition("/")
    return directory, name


def has_secrets(url: str) -> bool:
    """Whether a URL carries user information or signed parameters."""
    parts = urlsplit(url)
    names = (name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return "@" in parts.netloc or any(_SECRET_PARAMETER.search(name) for name in names)


def redact(url: str) -> str:
    """A URL with user information and secret-looking parameter values masked.

    >>> redact("https://me:pw@host/m?X-Goog-Signature=abc&a=b")
    'https://host/m?X-Goog-Signature=***&a=b'
    """
    if not scheme_of(url):
        return url
    parts = urlsplit(url)
    masked = [
        f"{pair.partition('=')[0]}=***" if _SECRET_PARAMETER.search(pair.partition("=")[0]) else pair
        for pair in parts.query.split("&")
    ]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(masked)))
