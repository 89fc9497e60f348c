"""Labels of sequences whose steps have scores (CTC): the best label of each step, or the best prefixes; and how far labels are apart.

Semantics: `core/ops/ctc_ops.cc` with `core/util/ctc`, and `EditDistance` of `core/ops/array_ops.cc`. The last class, or the one
that `blank_index` names, is no label: it stands between two labels that are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.arrays.kinds.calling import Call, op


def _sparse(sequences: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
    """Sequences of labels as a sparse matrix: indices, values, sizes."""
    places = [(row, column) for row, each in enumerate(sequences) for column in range(len(each))]
    indices = np.asarray(places, np.int64).reshape(-1, 2)
    values = np.asarray([label for each in sequences for label in each], np.int64)
    sizes = np.asarray([len(sequences), max(map(len, sequences), default=0)], np.int64)
    return indices, values, sizes


def _check_lengths(scores: Any, lengths: Any) -> None:
    if np.any(lengths > scores.shape[0]):
        raise ValueError(
            f"sequence_length(b) <= {scores.shape[0]} has to hold, but it is {int(np.max(lengths))}"
        )


@op("CTCGreedyDecoder", host=True)
def decode_greedily(call: Call, scores: Any, lengths: Any) -> tuple[Any, ...]:
    """The best label of each step, without blanks; of `scores` `[steps, batch, classes]`. And how probable that is."""
    _check_lengths(scores, lengths)
    steps, batch, classes = scores.shape
    blank = int(call.get("blank_index", -1)) % classes
    best = np.argmax(scores, -1)
    counts = np.arange(steps)[:, np.newaxis] < lengths
    kept = (best != blank) & counts
    if call["merge_repeated"]:
        before = np.concatenate([np.full((1, batch), -1), best[:-1]])
        kept &= best != before
    largest = np.where(counts, np.max(scores, -1), 0)
    total = np.zeros((batch, 1), scores.dtype)
    for row in largest:
        total[:, 0] -= row
    return (*_sparse([best[kept[:, row], row].tolist() for row in range(batch)]), total)


class _Prefix:
    """A sequence of labels, and how probable it is as the labels of the steps so far, by what the last step was."""

    __slots__ = ("after_blank", "after_label", "before", "children", "label", "parent", "total")

    def __init__(self, parent: _Prefix | None, label: int) -> None:
        self.parent = parent
        self.label = label
        self.children: dict[int, _Prefix] = {}
        self.before = (-np.inf, -np.inf)
        self.drop()

    def drop(self) -> None:
        """Takes it out of the beam; how probable it was before this step stays known."""
        self.total = self.after_blank = self.after_label = -np.inf

    def labels(self, merge: bool) -> list[int]:
        """The labels from first to last; of equal ones in a row the first, where they are merged."""
        found: list[int] = []
        last, node = -1, self
        while node.parent is not None:
            if not merge or node.label != last:
                found.append(node.label)
            last, node = node.label, node.parent
        return found[::-1]


def _search(scores: Any, width: int) -> list[_Prefix]:
    """The best prefixes of one sequence `[steps, classes]`, the best one first."""
    root = _Prefix(None, -1)
    root.total = root.after_blank = 0.0
    beam = [root]
    for row in scores.astype(np.float64):
        row = row - np.max(row)
        beam = _extend(beam, (row - np.log(np.sum(np.exp(row)))).tolist(), width)
    return beam


def _extend(beam: list[_Prefix], row: list[float], width: int) -> list[_Prefix]:
    """The beam after one more step, whose last class is the blank."""
    for prefix in beam:
        prefix.before = (prefix.total, prefix.after_blank)
    for prefix in beam:
        if prefix.parent is not None:
            parent = prefix.parent
            if parent.total > -np.inf:
                came = parent.before[1 if prefix.label == parent.label else 0]
                prefix.after_label = _add_logs(prefix.after_label, came)
            prefix.after_label += row[prefix.label]
        prefix.after_blank = prefix.before[0] + row[-1]
        prefix.total = _add_logs(prefix.after_blank, prefix.after_label)
    leaves = sorted(beam, key=_get_total)
    for prefix in beam:
        if not (prefix.before[0] > -np.inf and (len(leaves) < width or prefix.before[0] > leaves[0].total)):
            continue
        for label, score in enumerate(row[:-1]):
            child = prefix.children.get(label)
            if child is None:
                child = prefix.children[label] = _Prefix(prefix, label)
            if child.total > -np.inf:
                continue
            total = score + prefix.before[1 if label == prefix.label else 0]
            if not total > -np.inf or (len(leaves) >= width and total <= leaves[0].total):
                child.before = (-np.inf, -np.inf)
                child.drop()
                continue
            child.after_blank, child.total, child.after_label = -np.inf, total, total
            if len(leaves) >= width:
                leaves.pop(0).drop()
            leaves.append(child)
            leaves.sort(key=_get_total)
    return leaves[::-1]


def _get_total(prefix: _Prefix) -> float:
    return prefix.total


def _add_logs(one: float, other: float) -> float:
    return float(np.logaddexp(one, other))


@op("CTCBeamSearchDecoder", host=True)
def decode_by_beams(call: Call, scores: Any, lengths: Any) -> tuple[Any, ...]:
    """The most probable sequences of labels, a sparse matrix for each rank, and how probable they are."""
    _check_lengths(scores, lengths)
    width, ranks = int(call["beam_width"]), int(call["top_paths"])
    if ranks > width:
        raise ValueError(f"top_paths {ranks} is more than the beam's width, {width}")
    found: list[list[list[int]]] = [[] for _ in range(ranks)]
    totals = np.zeros((scores.shape[1], ranks), scores.dtype)
    for row, length in enumerate(lengths.tolist()):
        beam = _search(scores[:length, row], width)
        if len(beam) < ranks:
            raise ValueError(f"Less leaves in the beam search than requested: {len(beam)} of {ranks}")
        for rank in range(ranks):
            found[rank].append(beam[rank].labels(call["merge_repeated"]))
            totals[row, rank] = beam[rank].total
    parts = [_sparse(each) for each in found]
    return (*(part[0] for part in parts), *(part[1] for part in parts), *(part[2] for part in parts), totals)


@op("EditDistance", host=True)
def edit_distance(call: Call, *given: Any) -> Any:
    """How many labels differ, lack or are too many, for each pair of sequences; as a part of the true one's length."""
    guesses, truths = _sequences(*given[:3]), _sequences(*given[3:])
    sizes = np.maximum(given[2][:-1], given[5][:-1]).tolist()
    found = np.zeros(sizes, np.float32)
    for place in np.ndindex(*sizes):
        guess, truth = guesses.get(place, []), truths.get(place, [])
        apart = np.float32(_count_edits(guess, truth))
        if call["normalize"]:
            apart = apart / np.float32(len(truth)) if truth else np.float32(np.inf if guess else 0)
        found[place] = apart
    return found


def _sequences(indices: Any, values: Any, _: Any) -> dict[tuple[int, ...], list[Any]]:
    found: dict[tuple[int, ...], list[Any]] = {}
    for place, value in zip(indices.tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(place[:-1]), []).append(value)
    return found


def _count_edits(one: list[Any], other: list[Any]) -> int:
    row = list(range(len(other) + 1))
    for first, mine in enumerate(one, 1):
        before, row[0] = row[0], first
        for second, its in enumerate(other, 1):
            before, row[second] = (
                row[second],
                min(before + (mine != its), row[second] + 1, row[second - 1] + 1),
            )
    return row[-1]
