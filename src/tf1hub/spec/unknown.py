"""The errors about names that a module does not have, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tf1hub.arguments import word_list
from tf1hub.errors import ArgumentError, UnknownOutputError, UnknownSignatureError, UnknownTagsError
from tf1hub.format.saved_model import format_tags


def tag_set(tags: Iterable[str] | None) -> frozenset[str]:
    """The tags of a variant as a set; None is the empty one.

    Raises:
        ArgumentError: they are one string, or no strings.
    """
    return frozenset() if tags is None else frozenset(word_list(tags, "Tags"))


def unknown_tags(tags: frozenset[str], where: str, known: Sequence[frozenset[str]]) -> UnknownTagsError:
    """The error about tags that no variant of a module has."""
    listed = ", ".join(format_tags(each) for each in known)
    return UnknownTagsError(
        f"No graph variant with tags {format_tags(tags)} in {where}. It has: {listed}. {_instead(known)}"
    )


def unknown_signature(
    name: object, where: str, known: Iterable[str]
) -> ArgumentError | UnknownSignatureError:
    """The error about a signature that a variant does not have, or about what names none."""
    if not isinstance(name, str):
        return ArgumentError(f"A signature is named by a string, not by {name!r}.")
    return UnknownSignatureError(f"No signature {name!r} in {where}. It has: {', '.join(known) or 'none'}.")


def unknown_output(key: str, where: str, known: Iterable[str], instead: str = "") -> UnknownOutputError:
    """The error about an output that a signature does not have.

    Args:
        key: the output.
        where: the signature in words.
        known: the outputs that it has.
        instead: what to write, a sentence.
    """
    text = f"No output {key!r} in {where}. It has: {', '.join(sorted(known))}."
    return UnknownOutputError(f"{text} {instead}" if instead else text)


def _instead(known: Sequence[frozenset[str]]) -> str:
    """What to write for tags, where a module has these."""
    tagged = [f"write tags={format_tags(tags)}" for tags in known if tags][:1]
    choices = ["leave tags out"] * (frozenset() in known) + tagged
    text = ", or ".join(choices)
    return f"{text[0].upper()}{text[1:]}."
