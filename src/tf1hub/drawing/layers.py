"""Lays a small graph out in layers: what takes something is drawn below what gives it.

The way is that of Sugiyama, Tagawa and Toda (1981): break the cycles, put each box into a layer, let long edges go
through points in the layers between, order each layer by its neighbours, then move boxes towards their neighbours. The
last step is least squares with gaps that stay, solved exactly (pool adjacent violators).
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item", bound=Hashable)

GAP_ACROSS = 18.0
GAP_DOWN = 34.0
_SWEEPS = 6
_LOOSE = 2
"""How far apart edges that pass through a layer are, as a part of the gap."""


class Placed(NamedTuple, Generic[Item]):
    """Where everything is.

    Attributes:
        corners: the upper left corner of each item.
        lines: for each edge its source, its target and the points that it goes through, in the direction of the
            page; a reversed one goes against the edge.
        width: of all.
        height: of all.
    """

    corners: dict[Item, tuple[float, float]]
    lines: list[tuple[Item, Item, list[tuple[float, float]], bool]]
    width: float
    height: float


def in_order(items: Sequence[Item], edges: Iterable[tuple[Item, Item]]) -> list[Item]:
    """The items so that edges go forward, but for those that close a cycle; else as they were given."""
    after: dict[Item, list[Item]] = {item: [] for item in items}
    for source, target in edges:
        after[source].append(target)
    place = {item: number for number, item in enumerate(items)}
    entered = dict.fromkeys(items, 0)
    for targets in after.values():
        for target in targets:
            entered[target] += 1
    done: list[Item] = []
    seen: set[Item] = set()
    # From those that nothing leads to; what is left then is in cycles.
    for start in sorted(items, key=lambda item: (entered[item] > 0, place[item])):
        if start in seen:
            continue
        seen.add(start)
        waiting = [(start, iter(sorted(after[start], key=place.__getitem__, reverse=True)))]
        while waiting:
            item, rest = waiting[-1]
            for target in rest:
                if target not in seen:
                    seen.add(target)
                    waiting.append((target, iter(sorted(after[target], key=place.__getitem__, reverse=True))))
                    break
            else:
                done.append(item)
                waiting.pop()
    return done[::-1]


def place(
    sizes: Mapping[Item, tuple[float, float]],
    edges: Iterable[tuple[Item, Item]],
    first: Iterable[Item] = (),
    last: Iterable[Item] = (),
    doors: Mapping[Item, tuple[float, float]] | None = None,
) -> Placed[Item]:
    """Puts items into layers.

    Args:
        sizes: width and height of each item.
        edges: pairs of items, the second below the first where no cycle forbids it.
        first: items that belong above all others.
        last: items that belong below all others.
        doors: how far right of the middle edges come into an item, and how far they leave it; of those that are not
            there, the middle.
    """
    edges, first, last = list(edges), set(first), set(last)
    order = in_order(list(sizes), edges)
    rank = {item: number for number, item in enumerate(order)}
    forward = [(s, t, False) if rank[s] < rank[t] else (t, s, True) for s, t in edges]
    depth = _depths(order, [(s, t) for s, t, _ in forward], first, last)
    layers: list[list[_Spot[Item]]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    spots: dict[tuple[Item, int], _Spot[Item]] = {}
    through: dict[tuple[Item, int, int], _Spot[Item]] = {}
    for item in order:
        spot = _Spot(item, depth[item], *sizes[item], *(doors or {}).get(item, (0.0, 0.0)))
        spots[item, depth[item]] = spot
        layers[depth[item]].append(spot)
    # The edges of one source share the points that they go through; so do those of a target below all others.
    trunks = {
        **{(s, t): (s, 0) for s, t, _ in forward},
        **{(s, t): (t, 1) for s, t, _ in forward if t in last},
    }
    joined: set[tuple[_Spot[Item], _Spot[Item]]] = set()
    lines: list[tuple[Item, Item, list[_Spot[Item]], bool]] = []
    for source, target, is_reversed in forward:
        way = [spots[source, depth[source]]]
        for level in range(depth[source] + 1, depth[target]):
            point = (*trunks[source, target], level)
            if point not in through:
                through[point] = _Spot(None, level, 0.0, 0.0, 0.0, 0.0)
                layers[level].append(through[point])
            way.append(through[point])
        way.append(spots[target, depth[target]])
        for upper, lower in itertools.pairwise(way):
            if (upper, lower) not in joined:
                joined.add((upper, lower))
                upper.below.append(lower)
                lower.above.append(upper)
        lines.append((source, target, way, is_reversed))
    layers = _sort(layers)
    _spread(layers)
    return _measure(layers, lines)


class _Spot(Generic[Item]):
    """A place in a layer: of an item, or of an edge that goes through."""

    __slots__ = (
        "above",
        "below",
        "enter",
        "height",
        "item",
        "leave",
        "level",
        "place",
        "room",
        "width",
        "x",
        "y",
    )

    def __init__(
        self, item: Item | None, level: int, width: float, height: float, enter: float, leave: float
    ) -> None:
        self.item = item
        self.level = level
        self.width = width
        self.height = height
        self.enter = enter
        self.leave = leave
        self.above: list[_Spot[Item]] = []
        self.below: list[_Spot[Item]] = []
        self.place = 0.0
        self.x = 0.0  # of the middle
        self.y = 0.0  # of the upper edge
        self.room = 0.0  # above it and below it in its layer


def _depths(
    order: Sequence[Item], edges: Iterable[tuple[Item, Item]], first: set[Item], last: set[Item]
) -> dict[Item, int]:
    before: dict[Item, list[Item]] = {item: [] for item in order}
    after: dict[Item, list[Item]] = {item: [] for item in order}
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    depth: dict[Item, int] = {}
    floor = 1 if first else 0
    for item in order:
        top = 0 if item in first else floor
        depth[item] = max((depth[source] + 1 for source in before[item]), default=top)
        depth[item] = max(depth[item], top)
    # What nothing leads to, such as a variable, is drawn beside what takes it first.
    for item in reversed(order):
        if item not in first and not before[item] and after[item]:
            depth[item] = max(depth[item], min(depth[target] for target in after[item]) - 1)
    bottom = max(depth.values(), default=0)
    for item in last:
        depth[item] = max(bottom, max((depth[source] + 1 for source in before[item]), default=0))
    if last:
        lowest = max(depth[item] for item in last)
        depth.update(dict.fromkeys(last, lowest))
    used = {level: number for number, level in enumerate(sorted(set(depth.values())))}
    return {item: used[level] for item, level in depth.items()}


def _sort(layers: list[list[_Spot[Item]]]) -> list[list[_Spot[Item]]]:
    for layer in layers:
        for number, spot in enumerate(layer):
            spot.place = float(number)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            keys = {}
            for spot in layer:
                near = spot.above if down else spot.below
                keys[spot] = sum(each.place for each in near) / len(near) if near else spot.place
            layer.sort(key=keys.__getitem__)
            for number, spot in enumerate(layer):
                spot.place = float(number)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer in best:
        for number, spot in enumerate(layer):
            spot.place = float(number)
    return best


def _crossings(layers: list[list[_Spot[Item]]]) -> int:
    """How many pairs of edges between neighbouring layers cross, counted by insertion into a sorted list."""
    crossed = 0
    for layer in layers[:-1]:
        seen: list[float] = []
        for spot in layer:
            ends = sorted(each.place for each in spot.below)
            crossed += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossed


def _spread(layers: list[list[_Spot[Item]]]) -> None:
    for layer in layers:
        x = 0.0
        for left, spot in zip([None, *layer], layer, strict=False):
            x += 0.0 if left is None else _apart(left, spot)
            spot.x = x
        middle = (layer[0].x + layer[-1].x) / 2 if layer else 0.0
        for spot in layer:
            spot.x -= middle
    for sweep in range(_SWEEPS + 2):
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            wanted = []
            for spot in layer:
                above = [each.x + each.leave - spot.enter for each in _alike(spot, spot.above)]
                below = [each.x + each.enter - spot.leave for each in _alike(spot, spot.below)]
                near = (above if down else below) or (below if down else above)
                wanted.append(_middle(near) if near else spot.x)
            _settle(layer, wanted)


def _alike(spot: _Spot[Item], near: list[_Spot[Item]]) -> list[_Spot[Item]]:
    """Of its neighbours those that are of its kind, if any: chains of boxes are straight, and so are long edges."""
    return [each for each in near if (each.item is None) == (spot.item is None)] or near


def _middle(places: list[float]) -> float:
    places.sort()
    half = len(places) // 2
    return places[half] if len(places) % 2 else (places[half - 1] + places[half]) / 2


def _apart(left: _Spot[Item], right: _Spot[Item]) -> float:
    gap = GAP_ACROSS if left.item is not None or right.item is not None else GAP_ACROSS / _LOOSE
    return (left.width + right.width) / 2 + gap


def _settle(layer: list[_Spot[Item]], wanted: list[float]) -> None:
    """Moves each spot as near as it gets to where it wants to be, without changing order and gaps."""
    shifts = [0.0]
    for left, right in itertools.pairwise(layer):
        shifts.append(shifts[-1] + _apart(left, right))
    pools: list[tuple[float, float, int]] = []
    for spot, want, shift in zip(layer, wanted, shifts, strict=True):
        weight = 4.0 if spot.item is None else 1.0
        pool = ((want - shift) * weight, weight, 1)
        while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
            total, sum_, members = pools.pop()
            pool = (total + pool[0], sum_ + pool[1], members + pool[2])
        pools.append(pool)
    number = 0
    for total, sum_, members in pools:
        for _ in range(members):
            layer[number].x = total / sum_ + shifts[number]
            number += 1


def _measure(
    layers: list[list[_Spot[Item]]], ways: list[tuple[Item, Item, list[_Spot[Item]], bool]]
) -> Placed[Item]:
    left = min((spot.x - spot.width / 2 for layer in layers for spot in layer), default=0.0)
    right = max((spot.x + spot.width / 2 for layer in layers for spot in layer), default=0.0)
    y = 0.0
    for layer in layers:
        tall = max((spot.height for spot in layer), default=0.0)
        for spot in layer:
            spot.x -= left
            # An edge goes straight through a layer, between its boxes, and bends in the gaps only.
            spot.height = spot.height if spot.item is not None else tall
            spot.y = y + (tall - spot.height) / 2
            spot.room = spot.y - y
        y += tall + GAP_DOWN
    corners = {
        spot.item: (spot.x - spot.width / 2, spot.y)
        for layer in layers
        for spot in layer
        if spot.item is not None
    }
    lines = []
    for source, target, (upper, *between, lower), is_reversed in ways:
        x, bottom = upper.x + upper.leave, upper.y + upper.height
        points = [(x, bottom)]
        if upper.room >= 1:
            points.append((x, bottom + upper.room))
        for spot in between:
            points += [(spot.x, spot.y), (spot.x, spot.y + spot.height)]
        x = lower.x + lower.enter
        if lower.room >= 1:
            points.append((x, lower.y - lower.room))
        points.append((x, lower.y))
        lines.append((source, target, points, is_reversed))
    return Placed(corners, lines, right - left, max(y - GAP_DOWN, 0.0))
