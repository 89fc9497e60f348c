"""RE2's regular expressions on Python's `re`.

RE2 and Python agree on most of the syntax, and both take the leftmost match and the first alternative. What differs is
translated: `$` and `\\z` (the very end), `\\s` without the vertical tab, `\\pN` and `\\p{Lu}` (from Python's own table of
Unicode), `[[:alpha:]]`, `\\Q...\\E`, `\\C`. What `re` has no counterpart for (scripts, such as `\\p{Han}`) needs the package
`google-re2`. Source: RE2's page "Syntax".
"""

from __future__ import annotations

import importlib.util
import re
import sys
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tf1hub.arrays.op_attributes import text_bytes
from tf1hub.errors import MissingDependencyError, UnsupportedGraphError

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ONE_CHARACTER = re.compile(
    r"""\[\^?\]?(?:\[:\^?\w+:\]|\\[pP](?:\w|\{\^?\w+\})|\\[^pPQEC]|[^\\\[\]])*\]  # a class
        |\\[pP](?:\w|\{\^?\w+\})|\\[dDsSwW]""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = r"\t\n\f\r "
_INSTALL = (
    "The regular expression {pattern!r} uses {part!r}, which Python's re does not have. Install the package that has all "
    "of RE2: pip install google-re2"
)


class Expression(NamedTuple):
    """A pattern, ready to match.

    Attributes:
        pattern: of `re`, or of `google-re2`.
        of_bytes: whether it matches bytes, as that of `google-re2` does.
    """

    pattern: Any
    of_bytes: bool

    def subject(self, text: bytes) -> Any:
        """A text as the pattern takes it."""
        return text if self.of_bytes else text.decode("utf-8", "surrogateescape")

    def splits(self, subject: Any, at: int) -> bool:
        """Whether a place lies within a character, where RE2 itself would look for no empty match."""
        return self.of_bytes and at < len(subject) and subject[at] & 0xC0 == 0x80


def matches_all(pattern: str, text: bytes) -> bool:
    """Whether a pattern matches all of a text.

    Example:
        >>> matches_all(r"\\pL+", "Füße".encode()), matches_all("a", b"ab")
        (True, False)
    """
    expression = compile_expression(pattern)
    return expression.pattern.fullmatch(expression.subject(text)) is not None


def replace_matches(pattern: str, rewrite: bytes, text: bytes, everywhere: bool = True) -> bytes:
    """A text whose matches are replaced.

    Args:
        pattern: in RE2's syntax.
        rewrite: what stands for a match; `\\0` to `\\9` in it are the match and its groups, and `\\\\` is a backslash.
        text: bytes in UTF-8; others stay as they are.
        everywhere: whether all matches are replaced, or the first.

    Raises:
        UnsupportedGraphError: the pattern or the rewrite is no such thing.
        MissingDependencyError: the pattern needs `google-re2`.

    Example:
        >>> replace_matches(r"(\\w+) (\\w+)", rb"\\2 \\1", b"hello world")
        b'world hello'
    """
    expression = compile_expression(pattern)
    parts = parts_of_rewrite(pattern, rewrite)
    matching = _characters_of(pattern)
    if matching is not None and text.isascii():
        left = text.translate(None, matching)
        if len(left) == len(text) or (everywhere and not rewrite):
            return left
    given = expression.subject(text)
    if expression.pattern.search(given) is None:
        return text
    nothing = given[:0]
    result: list[Any] = []
    last, barred = 0, -1
    for match in expression.pattern.finditer(given):
        # RE2 takes no empty match right behind a match; Python does.
        if match.start() == match.end() and (
            match.start() == barred or expression.splits(given, match.start())
        ):
            continue
        result.append(given[last : match.start()])
        result.extend((match.group(part) or nothing) if isinstance(part, int) else part for part in parts)
        last = barred = match.end()
        if not everywhere:
            break
    result.append(given[last:])
    whole: Any = nothing.join(result)
    return whole if expression.of_bytes else text_bytes(whole)


@lru_cache(maxsize=256)
def _characters_of(pattern: str) -> bytes | None:
    """The characters of ASCII that a pattern matches which stands for one character, as most that clean texts do; else None."""
    if _ONE_CHARACTER.fullmatch(pattern) is None:
        return None
    return bytes(code for code in range(128) if matches_all(pattern, bytes([code])))


@lru_cache(maxsize=256)
def parts_of_rewrite(pattern: str, rewrite: bytes) -> list[Any]:
    """What stands for a match: pieces as the pattern's subjects are, and numbers of groups.

    Raises:
        UnsupportedGraphError: it is no such thing, or names a group that the pattern does not have.
    """
    expression = compile_expression(pattern)
    parts: list[Any] = []
    for piece in re.split(rb"(\\.?)", rewrite, flags=re.DOTALL):
        if not piece.startswith(b"\\"):
            parts.append(expression.subject(piece))
        elif piece[1:].isdigit():
            parts.append(int(piece[1:]))
        elif piece == b"\\\\":
            parts.append(expression.subject(b"\\"))
        else:
            raise UnsupportedGraphError(f"The rewrite {rewrite!r} has a backslash before {piece[1:]!r}.")
    groups = expression.pattern.groups
    if any(isinstance(part, int) and part > groups for part in parts):
        raise UnsupportedGraphError(
            f"The rewrite {rewrite!r} names a group that the pattern {pattern!r} does not have."
        )
    return parts


@lru_cache(maxsize=256)
def compile_expression(pattern: str) -> Expression:
    """A pattern in RE2's syntax, ready to match.

    Raises:
        UnsupportedGraphError: it is none.
        MissingDependencyError: it needs `google-re2`, which is not installed.
    """
    try:
        return Expression(re.compile(_Translation(pattern).text(), re.ASCII), of_bytes=False)
    except re.error as error:
        raise UnsupportedGraphError(f"The regular expression {pattern!r} cannot be read: {error}.") from error
    except MissingDependencyError:
        if importlib.util.find_spec("re2") is None:
            raise
    import re2

    return Expression(re2.compile(text_bytes(pattern)), of_bytes=True)


class _Translation:
    """A pattern from left to right.

    Args:
        pattern: in RE2's syntax.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        # With the flag m, `$` is the end of a line too, as Python has it.
        self._many_lines = re.search(r"\(\?[a-zA-Z]*m", pattern) is not None

    def text(self) -> str:
        """The same for Python's `re`."""
        pieces: list[str] = []
        flags = ""
        while self._at < len(self._pattern):
            rest = self._pattern[self._at :]
            if rest[0] == "\\":
                pieces.append(self._escape(in_class=False))
            elif rest[0] == "[":
                pieces.append(self._class())
            elif (found := re.match(r"\(\?([a-zA-Z]+)\)", rest)) is not None:
                # Python takes flags at the start alone; RE2 from here on.
                if any(piece for piece in pieces):
                    pieces.append(f"(?{self._flags(found[1])}:")
                    self._at += found.end()
                    pieces.append(_Rest(self._pattern[self._at :]).text() + ")")
                    break
                flags += self._flags(found[1])
                self._at += found.end()
            elif rest[0] == "$":
                pieces.append("$" if self._many_lines else r"\Z")
                self._at += 1
            else:
                pieces.append(rest[0])
                self._at += 1
        return (f"(?{flags})" if flags else "") + "".join(pieces)

    def _flags(self, flags: str) -> str:
        if "U" in flags:
            raise self._missing("(?U)")
        return flags

    def _missing(self, part: str) -> MissingDependencyError:
        return MissingDependencyError(_INSTALL.format(pattern=self._pattern, part=part))

    def _class(self) -> str:
        pattern = self._pattern
        start = self._at
        self._at += 1
        pieces = ["["]
        if pattern[self._at : self._at + 1] == "^":
            pieces.append("^")
            self._at += 1
        first = True
        while self._at < len(pattern):
            rest = pattern[self._at :]
            posix = re.match(r"\[:(\^?)(\w+):\]", rest)
            if rest[0] == "]" and not first:
                self._at += 1
                return "".join([*pieces, "]"])
            first = False
            if posix is not None and posix[2] in _POSIX:
                if posix[1]:
                    raise self._missing(posix[0])
                pieces.append(_POSIX[posix[2]])
                self._at += posix.end()
            elif rest[0] == "\\":
                pieces.append(self._escape(in_class=True))
            else:
                pieces.append("\\" + rest[0] if rest[0] in "[]&~|" else rest[0])
                self._at += 1
        raise UnsupportedGraphError(
            f"The regular expression {pattern!r} has a class that does not end: {pattern[start:]!r}."
        )

    def _escape(self, in_class: bool) -> str:
        rest = self._pattern[self._at :]
        if (found := re.match(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))", rest)) is not None:
            self._at += found.end()
            negative = (found[1] == "P") != (found[2] == "^")
            return self._category(found[3] or found[4], negative, in_class, found[0])
        if (found := re.match(r"\\Q(.*?)(?:\\E|$)", rest, re.DOTALL)) is not None:
            self._at += found.end()
            return re.escape(found[1])
        if (found := re.match(r"\\x\{([0-9A-Fa-f]+)\}", rest)) is not None:
            self._at += found.end()
            return re.escape(chr(int(found[1], 16)))
        two = rest[:2]
        self._at += 2
        plain = {"\\z": r"\Z", "\\a": r"\x07", "\\C": r"(?s:.)", "\\E": ""}
        if two == "\\s":
            return _SPACE if in_class else f"[{_SPACE}]"
        if two == "\\S":
            if in_class:
                raise self._missing(two)
            return f"[^{_SPACE}]"
        if not in_class and two in plain:
            return plain[two]
        if len(two) == 2 and not two[1].isalnum():
            return re.escape(two[1])
        return two

    def _category(self, name: str, negative: bool, in_class: bool, part: str) -> str:
        if name not in _categories() and name != "Any":
            raise self._missing(part)
        ranges = _category_ranges(name, negative)
        return ranges if in_class else f"[{ranges}]"


class _Rest(_Translation):
    """What stands behind flags in the middle of a pattern."""


_PLANES = (range(0x40000), range(0xE0000, 0xE1000))
"""Where Unicode has characters, but for those of private use."""
_PRIVATE_PLANES = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))


@lru_cache(maxsize=1)
def _categories() -> dict[str, list[tuple[int, int]]]:
    """For each category of Unicode, and each first letter of some, the ranges of characters."""
    found: dict[str, list[tuple[int, int]]] = {"Co": list(_PRIVATE_PLANES), "C": list(_PRIVATE_PLANES)}
    for plane in _PLANES:
        names = np.array(list(map(unicodedata.category, map(chr, plane))))
        starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist()]
        for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
            category = str(names[start])
            # Bytes that are no UTF-8 are in no category of RE2's; here they are surrogates.
            if category != "Cs":
                for name in (category, category[0]):
                    found.setdefault(name, []).append((plane[start], plane[end - 1]))
    return {name: sorted(ranges) for name, ranges in found.items()}


@lru_cache(maxsize=64)
def _category_ranges(name: str, negative: bool) -> str:
    ranges = [(0, sys.maxunicode)] if name == "Any" else _categories()[name]
    if negative:
        edges = [-1, *(edge for pair in ranges for edge in pair), sys.maxunicode + 1]
        ranges = [
            (edges[index] + 1, edges[index + 1] - 1)
            for index in range(0, len(edges), 2)
            if edges[index] + 1 <= edges[index + 1] - 1
        ]
    return "".join(
        f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges
    )
