"""Regular expressions of RE2."""

from __future__ import annotations

from typing import Any

from tf1hub.arrays.op_attributes import Attributes, text_bytes
from tf1hub.arrays.op_table import computes
from tf1hub.arrays.regular_expressions import matches_all, replace_matches
from tf1hub.arrays.string_arrays import each, each_number


@computes("StaticRegexReplace", host=True)
def replace_static(xp: Any, attributes: Attributes, strings: Any) -> list[Any]:
    """Matches of `pattern` replaced by `rewrite`."""
    rewrite, everywhere = text_bytes(attributes["rewrite"]), attributes["replace_global"]
    return [each(lambda text: replace_matches(attributes["pattern"], rewrite, text, everywhere), strings)]


@computes("RegexReplace", host=True)
def replace(xp: Any, attributes: Attributes, strings: Any, pattern: Any, rewrite: Any) -> list[Any]:
    """The same with pattern and rewrite as inputs."""
    searched, by = pattern[()].decode("utf-8", "surrogateescape"), rewrite[()]
    return [each(lambda text: replace_matches(searched, by, text, attributes["replace_global"]), strings)]


@computes("StaticRegexFullMatch", host=True)
def match_static(xp: Any, attributes: Attributes, strings: Any) -> list[Any]:
    """Whether `pattern` matches all of a string."""
    return [each_number(lambda text: matches_all(attributes["pattern"], text), strings, bool)]


@computes("RegexFullMatch", host=True)
def match(xp: Any, attributes: Attributes, strings: Any, pattern: Any) -> list[Any]:
    """The same with the pattern as an input."""
    searched = pattern[()].decode("utf-8", "surrogateescape")
    return [each_number(lambda text: matches_all(searched, text), strings, bool)]
