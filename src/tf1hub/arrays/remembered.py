"""What a function gave for the words that came last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Remembered(dict[bytes, Any]):
    """The results of a function by word: texts repeat their words, and for those a dict needs no call in Python.

    Example:
        >>> lengths = Remembered(len, 1000)
        >>> list(map(lengths.__getitem__, [b"a", b"word", b"a"])), len(lengths)
        ([1, 4, 1], 2)

    Args:
        function: gives the result for a word, the same each time.
        most: so many are kept; then all are forgotten.
    """

    def __init__(self, function: Callable[[bytes], Any], most: int) -> None:
        super().__init__()
        self._function = function
        self._most = most

    def __missing__(self, word: bytes) -> Any:
        found = self._function(word)
        if len(self) >= self._most:
            self.clear()
        self[word] = found
        return found
