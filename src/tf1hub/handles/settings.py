"""What the environment and the configuration file say about caches and networks.

The environment wins over the file; arguments of functions win over both.
`docs/handles.md` lists every variable and key.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tf1hub.arguments import path_text
from tf1hub.configuration import NO, YES, Config, config_path
from tf1hub.errors import HandleError
from tf1hub.graphdef.op_packages import VARIABLE as IMPORTS_VARIABLE
from tf1hub.handles import limits
from tf1hub.storage import absolute as absolute_path

CACHE_VARIABLE = "TFHUB_CACHE_DIR"
LOAD_FORMAT_VARIABLE = "TFHUB_MODEL_LOAD_FORMAT"
OFFLINE_VARIABLE = "TF1HUB_OFFLINE"
LOCK_FILE_NAME = "tf1hub.lock"

fallbacks: dict[str, Callable[[], str | None]] = {}
"""What gives the value of a variable that the environment does not set: a flag of an old program's command line."""

_LOAD_FORMATS = {
    "": "compressed",
    "AUTO": "compressed",
    "COMPRESSED": "compressed",
    "UNCOMPRESSED": "uncompressed",
}


class Settings(NamedTuple):
    """How handles are resolved.

    Attributes:
        cache_dir: the cache that is written to; a path, or a place in remote storage.
        read_cache_dirs: caches that are looked into first and never written.
        offline: whether the network may not be used.
        load_format: `compressed` or `uncompressed`, of the hosting protocol.
        mirrors: pairs of a prefix of canonical handles and what replaces it.
        tokens: tokens per host from the configuration file.
        ca_bundle: a file of certificates to trust instead of the system's.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next bytes.
        retries: attempts without progress after the first, for each source.
        lock_patience: seconds without a sign of life before another downloader is not waited for any longer.
          allow_extra_files: whether archives may hold files that no module has.
        max_bytes: the most that an archive may unpack to.
        lock_file: the lock file whose pins hold, or None.
    """

    cache_dir: str
    read_cache_dirs: tuple[str, ...] = ()
    offline: bool = False
    load_format: str = "compressed"
    mirrors: tuple[tuple[str, str], ...] = ()
    tokens: Mapping[str, str] = MappingProxyType({})
    ca_bundle: str | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    retries: int = 5
    lock_patience: float = 10.0
    allow_extra_files: bool = False
    max_bytes: int = limits.MAX_TOTAL_BYTES
    lock_file: str | None = None

    def __repr__(self) -> str:
        """Leaves the tokens out: what is printed may be logged."""
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "tokens")
        return f"Settings({', '.join(shown)})"

    @property
    def limits(self) -> limits.Limits:
        """What an archive may ask for."""
        return limits.Limits(
            total_bytes=self.max_bytes, file_bytes=min(self.max_bytes, limits.MAX_FILE_BYTES)
        )


def default_cache_dir() -> str:
    """Returns the cache directory that is used when nothing says otherwise."""
    return os.path.join(_temporary_directory(), "tfhub_modules")


def _temporary_directory() -> str:
    """Returns `tempfile.gettempdir()`, in nearly all cases without that module's milliseconds."""
    first = next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp")
    # A program can set tempfile.tempdir once it has imported the module.
    if "tempfile" not in sys.modules and os.path.isabs(first) and os.access(first, os.W_OK | os.X_OK):
        return os.path.normpath(first)
    import tempfile

    return tempfile.gettempdir()


def from_environment(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Returns the settings of the environment and the configuration file.

    Args:
        environ: the environment; `os.environ` by default.
        **overrides: attributes of `Settings`; those that are None are left as they are.

    Raises:
        HandleError: a variable or key has a value that it cannot have.
    """
    env = _environment() if environ is None else environ
    config = Config(config_path(env))
    read = _Reader(env, config)
    named = overrides.pop("cache_dir", None)
    cache_dir = (
        path_text(named, "cache_dir")
        if named is not None
        else env.get(CACHE_VARIABLE) or config.get("cache_dir", str)
    )
    settings = Settings(
        cache_dir=absolute(cache_dir or default_cache_dir()),
        read_cache_dirs=tuple(
            absolute(path) for path in read.paths("TF1HUB_READ_CACHE_DIRS", "read_cache_dirs")
        ),
        offline=read.flag(OFFLINE_VARIABLE, "offline"),
        load_format=_load_format(env.get(LOAD_FORMAT_VARIABLE, "")),
        mirrors=_mirrors(env.get("TF1HUB_MIRRORS", "")) + _configured_mirrors(config),
        tokens=config.table("tokens"),
        ca_bundle=read.text("TF1HUB_CA_BUNDLE", "ca_bundle")
        or env.get("REQUESTS_CA_BUNDLE")
        or env.get("CURL_CA_BUNDLE")
        or None,
        connect_timeout=read.number("TF1HUB_CONNECT_TIMEOUT", "connect_timeout", 10.0),
        read_timeout=read.number("TF1HUB_READ_TIMEOUT", "read_timeout", 30.0),
        retries=int(read.number("TF1HUB_RETRIES", "retries", 5)),
        allow_extra_files=read.flag("TF1HUB_ALLOW_EXTRA_FILES", "allow_extra_files"),
        max_bytes=int(read.number("TF1HUB_MAX_BYTES", "max_bytes", limits.MAX_TOTAL_BYTES)),
        lock_file=_lock_file(env.get("TF1HUB_LOCKFILE")),
    )
    return settings._replace(**{name: value for name, value in overrides.items() if value is not None})


def imports(environ: Mapping[str, str] | None = None) -> list[str]:
    """Returns the modules to import together with TensorFlow, because they bring ops.

    Raises:
        HandleError: the configuration file cannot be read, or names something else.
    """
    env = os.environ if environ is None else environ
    if IMPORTS_VARIABLE in env:
        return env[IMPORTS_VARIABLE].replace(",", " ").split()
    return [str(module) for module in Config(config_path(env)).get("imports", list) or []]


def _environment() -> Mapping[str, str]:
    given = {
        name: value for name, read in fallbacks.items() if not os.environ.get(name) and (value := read())
    }
    return {**os.environ, **given}


def absolute(path: str) -> str:
    """Returns a local path as absolute, and a remote one without a slash at its end."""
    return absolute_path(os.path.expanduser(path))


class _Reader:
    """Values that the environment or else the configuration file has."""

    def __init__(self, env: Mapping[str, str], config: Config) -> None:
        self._env = env
        self._config = config

    def text(self, variable: str, key: str) -> str | None:
        value: str | None = self._env.get(variable) or self._config.get(key, str)
        return value

    def paths(self, variable: str, key: str) -> list[str]:
        if variable in self._env:
            return [path for path in self._env[variable].split(os.pathsep) if path]
        return list(self._config.get(key, list) or [])

    def flag(self, variable: str, key: str) -> bool:
        if variable not in self._env:
            return bool(self._config.get(key, bool))
        value = self._env[variable].lower()
        if value not in (*NO, *YES):
            raise HandleError(f"{variable}={self._env[variable]!r} is neither yes (1) nor no (0).")
        return value in YES

    def number(self, variable: str, key: str, default: float) -> float:
        found = self._env.get(variable) or self._config.get(key, (int, float))
        if found is None:
            return default
        try:
            number = float(found)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise HandleError(f"{variable}={found!r} is not a number of at least 0.")
        return number


def _mirrors(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in text.replace(";", " ").split():
        prefix, equals, replacement = item.partition("=")
        if not equals or not prefix or not replacement:
            raise HandleError(
                f"TF1HUB_MIRRORS: {item!r} is not PREFIX=REPLACEMENT, such as https://tfhub.dev/=https://mirror.example/."
            )
        pairs.append((prefix, replacement))
    return tuple(pairs)


def _configured_mirrors(config: Config) -> tuple[tuple[str, str], ...]:
    table = config.get("mirrors", dict) or {}
    return tuple(
        (prefix, str(one))
        for prefix, found in table.items()
        for one in (found if isinstance(found, list) else [found])
    )


def _load_format(text: str) -> str:
    try:
        return _LOAD_FORMATS[text.upper()]
    except KeyError:
        raise HandleError(
            f"{LOAD_FORMAT_VARIABLE}={text!r} is not one of COMPRESSED, UNCOMPRESSED and AUTO."
        ) from None


def _lock_file(named: str | None) -> str | None:
    if named is not None:
        return absolute_path(named) if named else None
    return os.path.abspath(LOCK_FILE_NAME) if os.path.isfile(LOCK_FILE_NAME) else None
