"""Writes boxes as SVG: those that are open with what is inside, and the edges in curves between them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple

from tf1hub.drawing.box import OPS, SCOPE, SIGNATURES, Box
from tf1hub.drawing.layers import Placed, place
from tf1hub.graphdef import op_types
from tf1hub.spec.description import human_count

Link = Callable[[Box, bool], str]
"""Gives the address for a scope that is closed, or with True, for one that is open."""

_LINE = 15
_HEAD = 26
_HEAD_ABOVE_DOOR = 8
_PAD = 12
_LONGEST = 30
_ROW_LONGEST = 46
_NARROW = frozenset("ijl.,:;|!'` ()[]ft/I")
_WIDE = frozenset("mwMW@%")
_HEAVY = re.compile(r".*(Conv\d?D?|MatMul|Einsum|LSTM|GRU|RNN).*")
_TEXTUAL = re.compile(r".*(String|Lookup|Regex|Unicode|Tokeniz|Hash|Sparse.*Lookup|Decode|AsString).*")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Drawn(NamedTuple):
    """A piece of SVG, its size, and how far right of its middle edges come in at the top and leave at the bottom."""

    body: str
    width: float
    height: float
    doors: tuple[float, float] = (0.0, 0.0)


@cache
def style() -> str:
    """The style sheet of pictures."""
    return files("tf1hub.drawing").joinpath("picture.css").read_text("utf-8")


def text_of(value: str) -> str:
    """Text for SVG: marks of it escaped, and what XML cannot have replaced."""
    return escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value))


def draw_inside(box: Box, opened: Collection[str], link: Link | None) -> Drawn:
    """Draws what is in a box.

    Args:
        box: the box.
        opened: keys of the scopes that are drawn with what is inside.
        link: gives addresses for scopes; None draws no links.
    """
    # From the inside out, without recursion: hostile names are deep.
    drawn: dict[Box, Drawn] = {}
    shown = [box]
    for each in shown:
        shown.extend(child for child in each.children.values() if child.children and child.key in opened)
    for each in reversed(shown):
        drawn[each] = _draw_children(each, each is box, drawn, link)
    return drawn[box]


def _draw_children(box: Box, is_outermost: bool, drawn: dict[Box, Drawn], link: Link | None) -> Drawn:
    children = box.children.values()
    sizes: dict[Box | str, tuple[float, float]] = {}
    for child in children:
        if child in drawn:
            inner = drawn[child]
            sizes[child] = (
                max(inner.width + 2 * _PAD, _width(_label(child), True) + 52),
                inner.height + _head(child) + _PAD,
            )
        else:
            sizes[child] = _size(child)
    edges: dict[tuple[Box | str, Box | str], bool] = {}
    edges.update(((source, target), data) for (source, target), data in box.edges.items())
    first: list[Box | str] = [child for child in children if child.kind == SIGNATURES and child.op == "input"]
    last: list[Box | str] = [child for child in children if child.kind == SIGNATURES and child.op == "output"]
    if not is_outermost or not first:
        # What comes from outside comes in at the top, and what goes out leaves at the bottom.
        for name, ends, inside in (("in", first, box.takers), ("out", last, box.givers)):
            if inside:
                ends.append(name)
                sizes[name] = (0.0, 0.0)
                edges.update(
                    {
                        ((name, child) if name == "in" else (child, name)): data
                        for child, data in inside.items()
                    }
                )
    doors: dict[Box | str, tuple[float, float]] = {
        child: drawn[child].doors for child in children if child in drawn
    }
    laid = place(sizes, edges, first, last, doors)
    parts = [_lines(laid, edges)]
    for child in children:
        x, y = laid.corners[child]
        width, height = sizes[child]
        parts.append(
            _open(child, x, y, width, height, drawn[child], link)
            if child in drawn
            else _draw_closed(child, x, y, width, height, link)
        )
    enter, leave = (
        laid.corners[name][0] - laid.width / 2 if name in sizes else 0.0 for name in ("in", "out")
    )
    return Drawn("".join(parts), laid.width, laid.height, (enter, leave))


def _lines(laid: Placed[Box | str], edges: dict[tuple[Box | str, Box | str], bool]) -> str:
    """All edges as two paths, of those with data and those that only wait, and one of their heads."""
    curves: dict[str, dict[str, None]] = {"l": {}, "c": {}}
    heads: dict[str, None] = {}
    for upper, lower, points, is_reversed in laid.lines:
        if lower == "out":
            points = [*points, (points[-1][0], points[-1][1] + _PAD)]
        if upper == "in":
            points = [(points[0][0], points[0][1] - _HEAD_ABOVE_DOOR), *points]
        data = edges[(lower, upper) if is_reversed else (upper, lower)]
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            bend = (to_y - y) / 2
            piece = (
                f"M{x:.0f} {y:.0f}V{to_y:.0f}"
                if abs(x - to_x) < 1
                else f"M{x:.0f} {y:.0f}C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
            )
            curves["l" if data else "c"][piece] = None
        if is_reversed:
            heads[f"M{points[0][0] - 3.5:.0f} {points[0][1] + 7:.0f}l3.5-7 3.5 7z"] = None
        elif lower != "out":
            heads[f"M{points[-1][0] - 3.5:.1f} {points[-1][1] - 7:.0f}l3.5 7 3.5-7z"] = None
    for piece in curves["l"]:
        curves["c"].pop(piece, None)
    written = [f'<path class="{kind}" d="{"".join(pieces)}"/>' for kind, pieces in curves.items() if pieces]
    return "".join(written) + (f'<path class="h" d="{"".join(heads)}"/>' if heads else "")


def _draw_closed(box: Box, x: float, y: float, width: float, height: float, link: Link | None) -> str:
    corner = 13 if box.kind == SIGNATURES else 7 if box.kind == SCOPE else 3
    shapes = f'<rect width="{width:.0f}" height="{height:.0f}" rx="{corner}"/>'
    if box.kind == SCOPE:
        # A second sheet behind says that there is more inside.
        shapes = f'<rect x="4" y="4" width="{width:.0f}" height="{height:.0f}" rx="{corner}"/>' + shapes
    lines = [f'<text x="{_PAD}" y="17"{_strong(box)}>{text_of(_label(box))}</text>']
    lines += [
        f'<text class="d" x="{_PAD}" y="{17 + _LINE * (number + 1)}">{text_of(row)}</text>'
        for number, row in enumerate(_details(box))
    ]
    if box.children and link is not None:
        lines.append(f'<text class="k" x="{width - 16:.0f}" y="17">+</text>')
    inside = f"<title>{text_of(_title(box))}</title>{shapes}{''.join(lines)}"
    if box.children and link is not None:
        address = escape(link(box, False))
        inside = f'<a href="{address}" aria-label="Open {text_of(_title(box))}" class="{_classes(box)}">{inside}</a>'
        return f'<g transform="translate({x:.0f} {y:.0f})">{inside}</g>'
    return f'<g class="{_classes(box)}" transform="translate({x:.0f} {y:.0f})">{inside}</g>'


def _open(box: Box, x: float, y: float, width: float, height: float, inner: Drawn, link: Link | None) -> str:
    mark = ""
    if link is not None and (address := link(box, True)):
        mark = (
            f'<a href="{escape(address)}" aria-label="Close {text_of(box.key.rstrip("/"))}">'
            f'<rect x="{width - 24:.0f}" y="5" width="18" height="18" rx="4"/>'
            f'<text class="k" x="{width - 19:.0f}" y="18">–</text></a>'
        )
    return (
        f'<g class="open{" bad" if box.reaching else ""}" transform="translate({x:.0f} {y:.0f})">'
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="7"/>'
        f'<g transform="translate({(width - inner.width) / 2:.0f} {_head(box)})">{inner.body}</g>'
        f'<text class="n o" x="{_PAD}" y="18">{text_of(_label(box))}<title>{text_of(_title(box))}</title></text>{mark}</g>'
    )


def _head(box: Box) -> float:
    """How far below the upper edge of an open box its inside begins; a door at the top leaves room for the label."""
    return _HEAD_ABOVE_DOOR if box.takers else _HEAD


def _strong(box: Box) -> str:
    return ' class="n"' if box.kind in (SCOPE, SIGNATURES) else ""


def _classes(box: Box) -> str:
    kind = box.kind
    if kind == OPS:
        if box.op in op_types.CONTROL_FLOW or box.op in op_types.FUNCTIONAL:
            kind = "flow"
        elif _HEAVY.fullmatch(box.op):
            kind = "heavy"
        elif _TEXTUAL.fullmatch(box.op):
            kind = "text"
    return f"{kind} bad" if box.reaching else kind


def _label(box: Box) -> str:
    return _short(box.label, _LONGEST)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-(longest // 2 - 1) :]}"


def _details(box: Box) -> Iterator[str]:
    if box.kind == SCOPE:
        weights = f", {human_count(box.weights)} weights" if box.weights else ""
        yield f"{box.nodes:,} op{'' if box.nodes == 1 else 's'}{weights}"
    for row in box.detail:
        yield _short(row, _ROW_LONGEST)
    if box.reaching:
        yield _short(", ".join(box.reaching), _ROW_LONGEST)


def _title(box: Box) -> str:
    if box.kind == SIGNATURES:
        return f"{'takes' if box.op == 'input' else 'gives'}: {box.label}"
    parts = [box.key.rstrip("/"), *([box.op] if box.op else []), *_details(box)]
    return ", ".join(dict.fromkeys(parts))


def _size(box: Box) -> tuple[float, float]:
    rows = list(_details(box))
    widest = max([_width(_label(box), True), *(_width(row) * 0.9 for row in rows)])
    more = 18 if box.children else 0
    return max(round(widest + 2 * _PAD + more), 44), 26 + _LINE * len(rows)


def _width(text: str, is_strong: bool = False) -> float:
    """About how wide a text is; no font is at hand."""
    width = sum(
        3.7
        if each in _NARROW
        else 10.2
        if each in _WIDE
        else 8.4
        if each.isupper()
        else 12.0
        if ord(each) > 0x2E7F
        else 6.9
        for each in text
    )
    return width * (1.16 if is_strong else 1.06)
