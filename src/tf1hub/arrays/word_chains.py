"""Chains of ops that turn each word of a text into a number: what they give is remembered word by word.

Texts repeat their words. Between the op that cuts a text into words and the rows of an embedding there is often a
lookup in a vocabulary, a hash for the words that it lacks, and a choice between both. Each looks at one word at a time,
so the whole chain is a function of the word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tf1hub.arrays.kinds.sparse_tensors import fill_rows
from tf1hub.arrays.kinds.text import CUTS, HAS_WORDS
from tf1hub.arrays.op_table import Kernel
from tf1hub.arrays.prepared import Block, Code, PreparedOp, PreparedWords, find_last_uses, tensors_used
from tf1hub.arrays.string_arrays import Strings, string_array
from tf1hub.graphdef import op_types
from tf1hub.program.nodes import Tensor

_DEAR = frozenset(
    {
        "LookupTableFind",
        "LookupTableFindV2",
        "RegexReplace",
        "StaticRegexReplace",
        "StringLower",
        "StringStrip",
        "StringToHashBucket",
        "StringToHashBucketFast",
        "StringToHashBucketStrong",
        "StringUpper",
    }
)
"""Op types that are worth it."""

_ONE_BY_ONE = _DEAR | {
    "Add",
    "AddV2",
    "Cast",
    "Equal",
    "FloorMod",
    "Greater",
    "GreaterEqual",
    "Identity",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "Maximum",
    "Minimum",
    "Mul",
    "NotEqual",
    "OnesLike",
    "Select",
    "SelectV2",
    "StringLength",
    "Sub",
    "ZerosLike",
}
"""Op types that compute each element from those at the same place, and that cannot fail."""

_FILL = "SparseFillEmptyRows"
_SIZES = frozenset({"LookupTableSize", "LookupTableSizeV2"})

_QUIET = frozenset({*CUTS, _FILL, "Identity", "RegexReplace", "StaticRegexReplace"})
"""Op types of texts that compute nothing of which NumPy might warn."""

_MOST_WORDS = 1 << 18
_MOST_BYTES = 1 << 24


def fold_word_chains(code: Code) -> Code:
    """The same program, in which each chain over words is one step.

    Args:
        code: the program; it is changed.
    """
    cuts = [step for step in _ops(code) if step.kind in CUTS]
    # Words are looked up as the texts have them, or behind a word for each text that has none.
    fills = [
        step for step in _ops(code) if step.kind == _FILL and step.attributes.get("T") == np.dtype(object)
    ]
    for step in [*cuts, *fills] if cuts else []:
        _fold(code, step)
    for step in cuts:
        _hand_on_lists(code, step)
    if cuts:
        find_last_uses(code)
        code.is_quiet = all(
            type(step) is PreparedWords or (type(step) is PreparedOp and step.kind in _QUIET)
            for step in code.block
        )
    return code


def _ops(code: Code) -> list[PreparedOp]:
    return [step for step in code.block if type(step) is PreparedOp]


def _hand_on_lists(code: Code, cut: PreparedOp) -> None:
    """Spares arrays of words that only chains take, and the search for empty texts, which the op that cuts them knows of."""
    words = (cut.name, 1)
    fills = [step for step in _ops(code) if step.kind == _FILL and _fills_rows_of(step, cut)]
    filling = {id(step) for step in fills}
    takes_list = words not in code.program.fetches and all(
        type(step) is PreparedWords or id(step) in filling
        for step in code.block
        if words in tensors_used([step])
    )
    if cut.guarded or not takes_list:
        return
    code.block[code.block.index(cut)] = replace(cut, kernel=CUTS[cut.kind])
    for fill in fills:
        values = (fill.name, 1)
        gives_list = values not in code.program.fetches and all(
            type(step) is PreparedWords for step in code.block if values in tensors_used([step])
        )
        wanted = {*tensors_used(code.block), *code.program.fetches}
        count = 2 if wanted.isdisjoint({(fill.name, 2), (fill.name, 3)}) else 4
        function = partial(fill_rows, as_list=gives_list, count=count)
        kernel = Kernel(function, "computes", host=True)
        filled = replace(fill, inputs=(*fill.inputs, (cut.name, HAS_WORDS)), kernel=kernel)
        code.block[code.block.index(fill)] = filled


def _fills_rows_of(fill: PreparedOp, cut: PreparedOp) -> bool:
    return not fill.guarded and (fill.inputs[0], fill.inputs[2]) == ((cut.name, 0), (cut.name, 2))


def _fold(code: Code, cut: PreparedOp) -> None:
    words = (cut.name, 1)
    fixed = _find_fixed(code.block)
    inside = {words}

    def is_at_hand(tensor: Tensor) -> bool:
        constant = code.constants.get(tensor)
        return tensor in inside or tensor in fixed or (constant is not None and constant.ndim == 0)

    members: list[PreparedOp] = []
    for step in code.block:
        if (
            type(step) is PreparedOp
            and step.kind in _ONE_BY_ONE
            and not step.guarded
            and not inside.isdisjoint(step.inputs)
            and all(map(is_at_hand, step.inputs))
        ):
            members.append(step)
            inside.add((step.name, 0))
    if len(members) < 2 or not any(step.kind in _DEAR for step in members):
        return
    own = {id(step) for step in members}
    rest: Block = [step for step in code.block if id(step) not in own]
    needed = {tensor for step in members for tensor in step.inputs}
    needed |= {each for tensor in needed if tensor in fixed for each in fixed[tensor].inputs}
    helpers = [step for tensor, step in fixed.items() if tensor in needed]
    helping = {id(step) for step in helpers}
    wanted = {*tensors_used(step for step in rest if id(step) not in helping), *code.program.fetches}
    results = tuple((step.name, 0) for step in members if (step.name, 0) in wanted)
    # What is fixed depends on nothing, so that it may stand before all.
    shared: Block = [
        step for step in helpers if any((each.name, 0) in wanted for each in _users(step, helpers))
    ]
    # A result may be needed outside before it is needed last inside, so that nothing is given back on the way.
    steps: Block = [replace(step, last=()) for step in (*helpers, *members)]
    rest.insert(rest.index(cut) + 1, PreparedWords(words, steps, results, WordMemory()))
    code.block = [*shared, *(step for step in rest if id(step) not in helping)]


def _find_fixed(block: Block) -> dict[Tensor, PreparedOp]:
    """Tables that are filled once, and their sizes."""
    found: dict[Tensor, PreparedOp] = {}
    for step in block:
        if type(step) is PreparedOp and (
            (step.kind in op_types.HASH_TABLES and not step.inputs)
            or (step.kind in _SIZES and step.inputs[0] in found)
        ):
            found[step.name, 0] = step
    return found


def _users(step: PreparedOp, helpers: Sequence[PreparedOp]) -> list[PreparedOp]:
    """A step, and those that take what it gives."""
    return [step, *(each for each in helpers if (step.name, 0) in each.inputs)]


class WordMemory:
    """The numbers that some functions of words gave for the words that came last.

    Example:
        >>> memory = WordMemory()
        >>> def lengths(new):
        ...     return [np.array([*map(len, new)])]
        >>> memory.find([b"a", b"word", b"a"], lengths)[0].tolist()
        [1, 4, 1]

    Args:
        most_words: so many words are kept, and then all are forgotten.
        most_bytes: so long are they together at most.
    """

    def __init__(self, most_words: int = _MOST_WORDS, most_bytes: int = _MOST_BYTES) -> None:
        self._most_words = most_words
        self._most_bytes = most_bytes
        # Replaced as one: several threads may look up words at once.
        self._known: tuple[list[np.dtype[Any]], list[dict[bytes, Any]]] | None = None
        self._bytes = 0

    def find(
        self, words: Strings | list[bytes], compute: Callable[[Strings], Sequence[npt.NDArray[Any]]]
    ) -> list[npt.NDArray[Any]]:
        """What each function gives for each word.

        Args:
            words: a vector.
            compute: gives what each function gives for a vector of words; it is asked for new words alone.
        """
        flat: list[bytes] = words if isinstance(words, list) else words.tolist()
        known = self._known
        if known is not None:
            try:
                return _arrays(*known, flat)
            except KeyError:
                pass
        first: Mapping[bytes, Any] = {} if known is None or not known[1] else known[1][0]
        new = [word for word in dict.fromkeys(flat) if word not in first]
        found = compute(string_array(new))
        dtypes = [values.dtype for values in found]
        fresh = [dict(zip(new, values.tolist(), strict=True)) for values in found]
        size = sum(map(len, new))
        if known is None or len(first) + len(new) > self._most_words or self._bytes + size > self._most_bytes:
            self._known, self._bytes = (dtypes, fresh), size
            old = [{} for _ in fresh] if known is None else known[1]
            both = [{**a, **b} for a, b in zip(old, fresh, strict=True)]
            if len(new) > self._most_words or size > self._most_bytes:
                self._known, self._bytes = None, 0
            return _arrays(dtypes, both, flat)
        for memory, more in zip(known[1], fresh, strict=True):
            memory.update(more)
        self._bytes += size
        return _arrays(*known, flat)


def _arrays(
    dtypes: Iterable[np.dtype[Any]],
    memories: Iterable[Mapping[bytes, Any]],
    words: list[bytes],
) -> list[npt.NDArray[Any]]:
    return [
        np.fromiter(map(memory.__getitem__, words), dtype, len(words))
        for dtype, memory in zip(dtypes, memories, strict=True)
    ]
