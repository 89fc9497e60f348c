"""The HParams of `tf.contrib.training`: named hyperparameters that a string can override."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ASSIGNMENT = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?:\[(?P<list>[^\]]*)\]|(?P<one>[^,\[]*))\s*(?:,|$)"
)


class HParams:
    """Hyperparameters as attributes, each with the type of its first value.

    Example:
        >>> hparams = HParams(learning_rate=0.1, layers=[10, 5], name="small")
        >>> hparams.parse("learning_rate=0.5,layers=[7,3,2]").layers
        [7, 3, 2]
        >>> hparams.learning_rate
        0.5

    Args:
        **values: names and first values: numbers, booleans, strings, None, or lists of them.
    """

    def __init__(self, **values: Any) -> None:
        self._values: dict[str, Any] = {}
        for name, value in values.items():
            self.add_hparam(name, value)

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(
                f"No hyperparameter {name!r}. There are: {', '.join(sorted(values)) or 'none'}."
            )
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_values":
            super().__setattr__(name, value)
        else:
            self.set_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Adds a hyperparameter that is not there yet."""
        if name in self._values or name.startswith("_") or hasattr(type(self), name):
            raise ValueError(f"There is a hyperparameter or method {name!r} already.")
        self._values[name] = list(value) if isinstance(value, tuple) else value

    def set_hparam(self, name: str, value: Any) -> None:
        """Sets a hyperparameter that is there, converting numbers to its type."""
        current = getattr(self, name)
        if isinstance(value, list | tuple):
            item = current[0] if isinstance(current, list) and current else None
            self._values[name] = [_convert(name, part, item) for part in value]
        else:
            self._values[name] = _convert(name, value, current)

    def del_hparam(self, name: str) -> None:
        """Removes a hyperparameter, where it is there."""
        self._values.pop(name, None)

    def parse(self, values: str) -> HParams:
        """Overrides values from a string: `"a=1,b=[2,3],c=text"`."""
        position = 0
        while position < len(values):
            match = _ASSIGNMENT.match(values, position)
            if not match:
                raise ValueError(
                    f"Hyperparameters are written name=value,name=[value,value]; not {values[position:]!r}."
                )
            current = getattr(self, match["name"])
            if match["list"] is None:
                self._values[match["name"]] = _parse(match["name"], match["one"], current)
            else:
                item = current[0] if isinstance(current, list) and current else None
                parts = match["list"].split(",") if match["list"].strip() else []
                self._values[match["name"]] = [_parse(match["name"], part, item) for part in parts]
            position = match.end()
        return self

    def override_from_dict(self, values: Mapping[str, Any]) -> HParams:
        """Overrides values from a dict."""
        for name, value in values.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values: str) -> HParams:
        """Overrides values from a JSON object."""
        return self.override_from_dict(json.loads(values))

    def values(self) -> dict[str, Any]:
        """All names and values."""
        return dict(self._values)

    def to_json(self, indent: int | None = None, sort_keys: bool = False) -> str:
        """All names and values as a JSON object."""
        return json.dumps(self._values, indent=indent, sort_keys=sort_keys)

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or `default` where there is none."""
        return self._values.get(key, default)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __repr__(self) -> str:
        return f"HParams({', '.join(f'{name}={value!r}' for name, value in sorted(self._values.items()))})"


def _convert(name: str, value: Any, current: Any) -> Any:
    if current is None or value is None or isinstance(current, list):
        return value
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, type(current)) or isinstance(value, bool) != isinstance(current, bool):
        raise ValueError(f"The hyperparameter {name!r} is {type(current).__name__}, not {value!r}.")
    return value


def _parse(name: str, text: str, current: Any) -> Any:
    text = text.strip()
    try:
        if isinstance(current, bool):
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if isinstance(current, int | float):
            return type(current)(text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"The hyperparameter {name!r} is {type(current).__name__}, not {text!r}.") from error
    return text
