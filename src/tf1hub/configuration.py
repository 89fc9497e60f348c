"""The configuration file, and how yes and no are written in the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from tf1hub.errors import HandleError
from tf1hub.storage import Faults, place_at

NO = ("", "0", "false", "no", "off")
YES = ("1", "true", "yes", "on")


def config_path(environ: Mapping[str, str]) -> str:
    """Returns where the configuration file is looked for."""
    named = environ.get("TF1HUB_CONFIG")
    if named is not None:
        return named
    home = environ.get("APPDATA") if os.name == "nt" else environ.get("XDG_CONFIG_HOME")
    return os.path.join(home or os.path.join(os.path.expanduser("~"), ".config"), "tf1hub", "config.toml")


class Config:
    """The configuration file; one that does not exist is empty."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._data: dict[str, Any] = {}
        if path and os.path.isfile(path):
            self._data = load_toml(path)

    def get(self, key: str, kind: type | tuple[type, ...]) -> Any:
        value = self._data.get(key)
        if value is not None and not isinstance(value, kind):
            raise HandleError(
                f"{self.path}: the key {key!r} has the value {value!r}, which is of the wrong type."
            )
        return value

    def table(self, key: str) -> dict[str, str]:
        table = self.get(key, dict) or {}
        return {str(name): str(value) for name, value in table.items()}


def load_toml(path: str) -> dict[str, Any]:
    """Returns the content of a TOML file.

    Raises:
        HandleError: it is not TOML, or cannot be read.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(place_at(path, Faults(HandleError)).read("").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HandleError(f"{path} is not TOML: {error}.") from error
