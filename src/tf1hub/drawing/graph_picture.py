"""`tf1hub.draw`: a picture of a module's graph."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from tf1hub.arguments import path_text, word_list
from tf1hub.drawing.box import Box
from tf1hub.drawing.scope_tree import read_tree
from tf1hub.drawing.svg import Drawn, Link, draw_inside, style, text_of
from tf1hub.errors import ArgumentError
from tf1hub.spec.module_spec import ModuleSpec, Tags, load_module_spec
from tf1hub.spec.variant import Variant
from tf1hub.storage.whole import new_file

BUDGET = 30
"""So many boxes are shown at first; scopes are opened from the outside until then."""
_EDGE = 16


class GraphPicture:
    """The graph of a variant by scopes, which can be drawn with any of them open.

    Args:
        variant: the variant.
        signatures: the signatures to draw; None draws all.
        title: what the picture is of, in words; None names the variant and the module.

    Raises:
        ArgumentError: `variant` is no variant, or `signatures` are no set of strings.
        UnknownSignatureError: the variant has no such signature.
    """

    def __init__(
        self, variant: Variant, signatures: Iterable[str] | None = None, title: str | None = None
    ) -> None:
        if not isinstance(variant, Variant):
            raise ArgumentError(
                "A picture is made of a variant, such as tf1hub.load_module_spec(handle).variant(), not of "
                f"{variant!r}. tf1hub.draw takes a handle or a ModuleSpec."
            )
        names = variant.signature_names if signatures is None else word_list(signatures, "Signatures")
        for name in names:
            variant.check_signature(name)
        self._root, self.drawn, self.left_out = read_tree(variant, names)
        self._scopes = {box.key: box for box in self._root.walk() if box.children}
        self._title = f"{title or variant.where}: {', '.join(names)}"

    @property
    def scopes(self) -> list[str]:
        """The names of all scopes, as `opened` takes them."""
        return sorted(key for key in self._scopes if key)

    @property
    def first_opened(self) -> frozenset[str]:
        """The scopes that are open at first."""
        return frozenset(_open_some(self._root))

    def find_scopes(self, patterns: Iterable[str]) -> frozenset[str]:
        """The scopes whose name is like one of these patterns of a shell, with those that they are in."""
        found: set[str] = set()
        for pattern in word_list(patterns, "Patterns"):
            wanted = pattern.rstrip("/")
            for key, box in self._scopes.items():
                if fnmatchcase(key.rstrip("/"), wanted):
                    found.update(each.key for each in box.line())
        return frozenset(found - {""})

    def to_fragment(self, opened: Collection[str], link: Link | None = None) -> str:
        """One `<svg>` for a page, without a style sheet of its own.

        Args:
            opened: the scopes that are drawn with what is inside.
            link: gives the address that opens or closes a scope; None draws no links.
        """
        return _svg(draw_inside(self._root, opened, link), self._title, "")

    def to_svg(self, opened: Collection[str] | None = None) -> str:
        """A document that needs nothing else; a scope that is closed leads to a picture of what is inside.

        Args:
            opened: the scopes that are drawn with what is inside; None opens the outer ones.
        """
        first = self.first_opened if opened is None else frozenset(word_list(opened, "Scopes"))
        panels = list(self._panels(first))
        numbers = {box: number for number, (box, _) in enumerate(panels)}

        def link(box: Box, is_open: bool) -> str:
            return "" if is_open else f"#s{numbers[box]}"

        bodies = []
        width = height = 0.0
        for box, inside in panels[::-1]:
            drawn = draw_inside(box, inside, link)
            head, top = _crumbs(box, numbers)
            width = max(width, drawn.width, len(head) and 240)
            height = max(height, drawn.height + top)
            whole = "" if box.parent else " whole"
            bodies.append(
                f'<g class="panel{whole}" id="s{numbers[box]}">{head}<g transform="translate(0 {top})">{drawn.body}</g></g>'
            )
        return _svg(Drawn("".join(bodies), width, height), self._title, f"<style>{style()}</style>")

    def save(self, path: str | os.PathLike[str], opened: Collection[str] | None = None) -> None:
        """Writes `to_svg(opened)` to a file, whole or not at all."""
        with new_file(path_text(path)) as temporary, open(temporary, "xb") as file:
            file.write(self.to_svg(opened).encode())

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        return f"<picture of {self._title}; {self.drawn:,} ops in {len(self.scopes):,} scopes>"

    def _panels(self, opened: frozenset[str]) -> Iterator[tuple[Box, frozenset[str]]]:
        """The whole, then each scope that is closed in a panel, with the scopes that are open in it."""
        waiting = [(self._root, opened)]
        for box, inside in waiting:
            yield box, inside
            shown = [box]
            for each in shown:
                for child in each.children.values():
                    if child.children and child.key in inside:
                        shown.append(child)
                    elif child.children:
                        waiting.append((child, frozenset(_open_some(child))))


def draw(
    handle: ModuleSpec | str | os.PathLike[str], tags: Tags = None, signatures: Iterable[str] | None = None
) -> GraphPicture:
    """Draws the graph of a module by its scopes, as SVG.

    Needs no TensorFlow. What signatures and training run is drawn; what initializes, saves and restores is not.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, 4])
        ...     w = tf.compat.v1.get_variable("w", [4, 2])
        ...     hub.add_signature(inputs=x, outputs=tf.nn.relu(x @ w))
        >>> picture = hub.draw(hub.create_module_spec(module_fn))
        >>> picture.to_svg()[:4], "Relu" in picture.to_svg()
        ('<svg', True)

    Args:
        handle: a handle, or a ModuleSpec.
        tags: the variant; None is the inference variant.
        signatures: the names of the signatures to draw; None draws all.

    Returns:
        The picture; `save("graph.svg")` writes it, and a notebook shows it.

    Raises:
        HandleError: the handle cannot name a module.
        ResolveError: the module could not be obtained.
        FormatError: the module is damaged.
        UnknownTagsError: no variant has these tags.
        UnknownSignatureError: the variant has no such signature.
    """
    return GraphPicture(load_module_spec(handle).variant(tags), signatures)


def _open_some(box: Box) -> Iterator[str]:
    """The scopes in a box to open, outer ones first, small ones before large ones."""
    shown = len(box.children)
    level = [box]
    while level:
        inner = [child for each in level for child in each.children.values() if child.children]
        level = []
        for child in sorted(inner, key=lambda child: len(child.children)):
            if shown + len(child.children) > BUDGET:
                break
            shown += len(child.children)
            yield child.key
            level.append(child)


def _crumbs(box: Box, numbers: dict[Box, int]) -> tuple[str, float]:
    """The way from the whole to a scope, as links where there is a picture of what is there."""
    if box.parent is None:
        return "", 0.0
    parts = []
    for each in box.line():
        label = text_of(each.label or "all")
        if each is box or each not in numbers:
            parts.append(f"<tspan>{label}</tspan>")
        else:
            parts.append(f'<a href="#s{numbers[each]}"><tspan class="k">{label}</tspan></a>')
    return f'<text class="n" y="14">{"<tspan> / </tspan>".join(parts)}</text>', 34.0


def _svg(drawn: Drawn, title: str, head: str) -> str:
    width, height = drawn.width + 2 * _EDGE + 4, drawn.height + 2 * _EDGE + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tf1hub-graph" role="group" aria-label="{text_of(title)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="{-_EDGE} {-_EDGE} {width:.0f} {height:.0f}">'
        f"{head}{drawn.body}</svg>"
    )
