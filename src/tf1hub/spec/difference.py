"""`tf1hub.diff`: what differs between two modules, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from tf1hub.format.checkpoint import CheckpointReader
from tf1hub.format.saved_model import format_tags
from tf1hub.progress import ProgressOption, Say, shown
from tf1hub.spec.description import (
    ModuleDescription,
    SignatureDescription,
    VariableDescription,
    VariantDescription,
    shape_text,
)
from tf1hub.spec.inspection import decode_attachment, inspect
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.value_difference import Difference, value_differences
from tf1hub.spec.variant import Variant
from tf1hub.storage import place_at

__all__ = ["Difference", "ModuleDifference", "diff"]

_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")

_SHOWN = 3


@dataclass(frozen=True)
class ModuleDifference:
    """What differs between two modules.

    Attributes:
        left: the first module in words.
        right: the second.
        differences: by subject, then by name.
    """

    left: str
    right: str
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs. Who wrote a module and when is no difference."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON."""
        return {"same": self.same, **asdict(self)}

    def __repr__(self) -> str:
        if self.same:
            return f"<{self.left} and {self.right} are the same>"
        lines = [f"<{self.left} and {self.right}: {len(self.differences)} differences>"]
        return "\n".join([*lines, *(f"  {difference}" for difference in self.differences)])


def diff(
    left: ModuleSpec | str | os.PathLike[str],
    right: ModuleSpec | str | os.PathLike[str],
    *,
    values: bool = True,
    atol: float = 0.0,
    progress: ProgressOption = None,
) -> ModuleDifference:
    """Compares two modules: variants, signatures, variables, assets, attachments, ops, graphs.

    Needs no TensorFlow. Variables are compared in pieces, so that modules larger than memory can be.
    Which TensorFlow wrote a module, and where the cache has it from, is not compared.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn(width):
        ...     x = tf.compat.v1.placeholder(tf.float32, [None, width])
        ...     hub.add_signature(inputs=x, outputs=x + 1)
        >>> a, b = (hub.create_module_spec(lambda: module_fn(width)) for width in (3, 4))
        >>> print(diff(a, b, values=False).differences[0])
        signature {} default, input default: float32 [?, 3] -> float32 [?, 4]

    Args:
        left: a handle, or a ModuleSpec.
        right: another.
        values: compare the values of variables too, not only types and shapes.
        atol: numbers that differ by at most this count as equal.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.

    Returns:
        All differences; `same` says whether there are none.

    Raises:
        HandleError: a handle cannot name a module.
        ResolveError: a module could not be obtained.
        FormatError: a module is damaged.
    """
    with shown(progress) as say:
        return _compare_modules(left, right, values, atol, say)


def _compare_modules(
    left: ModuleSpec | str | os.PathLike[str],
    right: ModuleSpec | str | os.PathLike[str],
    values: bool,
    atol: float,
    say: Say,
) -> ModuleDifference:
    say("the definitions")
    specs = load_module_spec(left), load_module_spec(right)
    a, b = inspect(specs[0]), inspect(specs[1])
    differences = [*_variants(a, b), *_variables(a, b)]
    if values:
        differences += _values(*specs, atol, say)
    say("the assets")
    differences += _assets(specs, a, b)
    for variant in a.variants:
        if any(variant.tags == other.tags for other in b.variants):
            pair = specs[0].variant(variant.tags), specs[1].variant(variant.tags)
            differences += _attachments(variant.name, *pair)
            differences += _ops(variant, b.variant(variant.tags))
            differences += _graph(variant.name, *pair)
    return ModuleDifference(a.name, b.name, tuple(differences))


def _pair(
    left: Mapping[_Key, _Item], right: Mapping[_Key, _Item]
) -> Iterator[tuple[_Key, _Item | None, _Item | None]]:
    """Yields what is in either mapping, in the order of the first, with both sides."""
    for key in dict.fromkeys([*left, *right]):
        yield key, left.get(key), right.get(key)


def _compare(
    subject: str, where: str, left: _Item | None, right: _Item | None, words: Callable[[_Item], str] = str
) -> Iterator[Difference]:
    """Yields a difference where the two sides are not alike in words, or one is None."""
    texts = [None if side is None else words(side) for side in (left, right)]
    if texts[0] != texts[1]:
        yield Difference(subject, where, texts[0], texts[1])


def _variants(a: ModuleDescription, b: ModuleDescription) -> Iterator[Difference]:
    for tags, left, right in _pair({v.tags: v for v in a.variants}, {v.tags: v for v in b.variants}):
        if left is None or right is None:
            yield from _compare("variant", format_tags(set(tags)), left, right, _signature_names)
        else:
            yield from _signatures(left, right)


def _signature_names(variant: VariantDescription) -> str:
    return "signatures " + ", ".join(signature.name for signature in variant.signatures)


def _signatures(a: VariantDescription, b: VariantDescription) -> Iterator[Difference]:
    for name, left, right in _pair({s.name: s for s in a.signatures}, {s.name: s for s in b.signatures}):
        where = f"{a.name} {name}"
        if left is None or right is None:
            yield from _compare("signature", where, left, right, _in_words)
            continue
        for key, one, other in _pair(left.inputs, right.inputs):
            yield from _compare("signature", f"{where}, input {key}", one, other)
        for key, one, other in _pair(left.outputs, right.outputs):
            yield from _compare("signature", f"{where}, output {key}", one, other)


def _in_words(signature: SignatureDescription) -> str:
    inputs = ", ".join(f"{name} {tensor}" for name, tensor in signature.inputs.items())
    outputs = ", ".join(f"{name} {tensor}" for name, tensor in signature.outputs.items())
    return f"({inputs}) gives {outputs}"


def _variables(a: ModuleDescription, b: ModuleDescription) -> Iterator[Difference]:
    for name, left, right in _pair({v.name: v for v in a.variables}, {v.name: v for v in b.variables}):
        yield from _compare("variable", name, left, right, _type_of)


def _type_of(variable: VariableDescription) -> str:
    owners = ", ".join("{" + ", ".join(map(repr, tags)) + "}" for tags in variable.variants)
    trainable = " trainable" if variable.trainable else ""
    return f"{variable.dtype} {shape_text(variable.shape)}{trainable} in {owners}"


def _values(left: ModuleSpec, right: ModuleSpec, atol: float, say: Say) -> Iterator[Difference]:
    if left.checkpoint is not None and right.checkpoint is not None:
        readers = CheckpointReader(left.checkpoint), CheckpointReader(right.checkpoint)
        yield from value_differences(*readers, atol, say)
    else:
        yield from _compare(
            "value", "all variables", left.checkpoint, right.checkpoint, lambda _: "has a checkpoint"
        )


def _assets(
    specs: tuple[ModuleSpec, ModuleSpec], a: ModuleDescription, b: ModuleDescription
) -> Iterator[Difference]:
    for name, left, right in _pair({x.name: x for x in a.assets}, {x.name: x for x in b.assets}):
        sized = left is not None and right is not None and left.bytes is not None
        if sized and left == right:
            digests = [_digest(spec.asset_paths[name])[:16] for spec in specs]
            yield from _compare("asset", name, digests[0], digests[1], lambda digest: f"sha256 {digest}...")
        else:
            yield from _compare("asset", name, left, right, lambda asset: f"{asset.bytes} bytes")


def _digest(path: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    for chunk in place_at(path).chunks(""):
        digest.update(chunk)
    return digest.hexdigest()


def _attachments(where: str, a: Variant, b: Variant) -> Iterator[Difference]:
    for key, left, right in _pair(a.attachments, b.attachments):
        if left != right:
            words = [None if data is None else _message(key, data) for data in (left, right)]
            yield Difference("attachment", f"{where} {key}", words[0], words[1])


def _message(key: str, data: bytes) -> str:
    return str(decode_attachment(key, data).value or data)


def _graph(where: str, a: Variant, b: Variant) -> Iterator[Difference]:
    yield from _compare_names(f"{where} nodes", a.nodes, b.nodes)
    functions = [{f.signature.name: f for f in v.meta_graph.graph_def.library.function} for v in (a, b)]
    yield from _compare_names(f"{where} functions", *functions)


def _compare_names(where: str, left: Mapping[str, _Item], right: Mapping[str, _Item]) -> Iterator[Difference]:
    removed, added = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
    changed = sorted(name for name in left.keys() & right.keys() if left[name] != right[name])
    if removed or added:
        yield Difference("graph", where, _names(removed), _names(added))
    if changed:
        yield Difference("graph", where, _names(changed), "the same names with other attributes or inputs")


def _names(names: list[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _ops(a: VariantDescription, b: VariantDescription) -> Iterator[Difference]:
    for op, left, right in _pair(a.ops, b.ops):
        yield from _compare("op", f"{a.name} {op}", left, right)
