"""One word for one thing: what is held of the names of classes, by looking at the sources."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src" / "tf1hub"
GIVEN = {"Predictor"}
"""What is named by others: `tf.contrib.predictor` has one too."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCES.rglob("*.py")):
        if not path.name.endswith("_pb2.py"):
            yield str(path.relative_to(SOURCES)), ast.parse(path.read_text(encoding="utf-8"))


def test_a_class_name_stands_for_one_class() -> None:
    homes = defaultdict(list)
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1 and name not in GIVEN} == {}


IRREGULAR = frozenset(
    {
        "begun",
        "bought",
        "broken",
        "brought",
        "built",
        "caught",
        "chosen",
        "done",
        "drawn",
        "driven",
        "fed",
        "forgotten",
        "found",
        "frozen",
        "given",
        "grown",
        "held",
        "hidden",
        "kept",
        "known",
        "laid",
        "led",
        "left",
        "lent",
        "lost",
        "made",
        "meant",
        "met",
        "paid",
        "said",
        "seen",
        "sent",
        "shown",
        "sold",
        "sought",
        "spent",
        "stood",
        "stuck",
        "swept",
        "taken",
        "taught",
        "thought",
        "thrown",
        "told",
        "torn",
        "understood",
        "won",
        "worn",
        "written",
    }
)
BOTH = frozenset({"cut", "put", "read", "run", "set"})
"""Verbs that are their own participle."""
NO_PARTICIPLES = frozenset({"embed", "exceed", "feed", "need", "proceed", "seed", "speed"})
PREPOSITIONS = frozenset(
    {
        "after",
        "at",
        "before",
        "behind",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "on",
        "over",
        "through",
        "to",
        "up",
        "with",
    }
)
PICKLED = {"restored"}
"""What pickles of other versions name as the function that reads them."""


def is_participle(word: str) -> bool:
    return word in IRREGULAR or (word.endswith("ed") and word not in NO_PARTICIPLES)


def hides_its_verb(name: str) -> bool:
    """Whether a name is only a participle, or one with what follows it: `opened`, `made_by`, `read_by`."""
    first, *rest = name.strip("_").split("_")
    if not rest:
        return is_participle(first)
    return (is_participle(first) and rest[0] in PREPOSITIONS) or (first in BOTH and rest[0] == "by")


def states_something(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a name is read as a state: of a property, a context (`with shown():`), and of what is true or false."""
    marks = {ast.unparse(each).split("(")[0].split(".")[-1] for each in node.decorator_list}
    return bool(marks & {"property", "cached_property", "contextmanager", "setter"}) or (
        node.returns is not None and ast.unparse(node.returns) == "bool"
    )


def test_functions_are_verbs_or_name_what_they_give() -> None:
    participles = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and hides_its_verb(node.name)
        and not states_something(node)
        and node.name not in PICKLED
    ]
    assert participles == []
