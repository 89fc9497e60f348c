"""What `tf1hub.inspect` answers: a module in plain, typed values.

They are named tuples, because the module `dataclasses` and the classes that it makes would be a fifth
of the time that `tf1hub show` takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tf1hub.format.saved_model import format_tags
from tf1hub.spec.unknown import tag_set, unknown_signature, unknown_tags

__all__ = [
    "AssetDescription",
    "AttachmentDescription",
    "FileDescription",
    "ModuleDescription",
    "Provenance",
    "SignatureDescription",
    "TensorDescription",
    "VariableDescription",
    "VariantDescription",
]


class TensorDescription(NamedTuple):
    """One input or output of a signature.

    Attributes:
        dtype: the element type's name, such as `"float32"`.
        shape: the static shape; None for an unknown dimension, and for an unknown rank.
        kind: `"dense"`, `"sparse"` or `"composite"` (a RaggedTensor and the like).
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    kind: str = "dense"

    def __str__(self) -> str:
        prefix = {"dense": "", "sparse": "SparseTensor "}.get(self.kind, f"{self.kind} ")
        return f"{prefix}{self.dtype} {shape_text(self.shape)}"


class SignatureDescription(NamedTuple):
    """One signature: its inputs and outputs by name, and the common signatures that it meets.

    Attributes:
        name: the signature's name.
        inputs: what a caller gives.
        outputs: what a caller gets.
        meets: the common signatures of `tf1hub.spec.common_signatures` that it keeps in full.
    """

    name: str
    inputs: Mapping[str, TensorDescription]
    outputs: Mapping[str, TensorDescription]
    meets: tuple[str, ...] = ()


class VariableDescription(NamedTuple):
    """One variable of a module; the parts of a partitioned one together.

    Attributes:
        name: its name in the module and in the checkpoint.
        dtype: the element type's name.
        shape: the whole's shape; None where neither checkpoint nor graph tells.
        elements: how many numbers (or strings) it holds; None where the shape is unknown.
        bytes: what it takes in the checkpoint, or would take; None where that is unknown.
        trainable: whether the publisher marked it trainable, in any variant.
        parts: 1, or the number of parts of a partitioned variable.
        is_resource: whether it is a resource variable; otherwise it is a ref variable.
        variants: the tags of the variants that own it, each sorted.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    elements: int | None
    bytes: int | None
    trainable: bool
    parts: int
    is_resource: bool
    variants: tuple[tuple[str, ...], ...]


class AssetDescription(NamedTuple):
    """One file of `assets/`; `bytes` is None where it cannot be looked at."""

    name: str
    bytes: int | None


class FileDescription(NamedTuple):
    """One file that is no part of the module, but that its publisher put beside it.

    Attributes:
        name: its path below the module's directory.
        bytes: its size.
        purpose: what it is for, in words; empty where that is not known.
    """

    name: str
    bytes: int
    purpose: str


class AttachmentDescription(NamedTuple):
    """A message that the publisher attached.

    Attributes:
        key: its key.
        bytes: the size of the serialized message.
        value: the message's fields, where its type is known (`image_module_info`); else None.
    """

    key: str
    bytes: int
    value: Mapping[str, Any] | None


class VariantDescription(NamedTuple):
    """One graph variant.

    Attributes:
        tags: the sorted tags; empty for inference.
        signatures: sorted by name.
        ops: how often each op occurs, most frequent first; ops of functions included.
        nodes: the number of nodes in the graph itself.
        functions: the number of functions in the graph's library.
        variables: the number of variables; a partitioned one counts once.
        update_ops: how many update ops training runs.
        regularization_losses: how many regularization losses fine-tuning gets.
        tables: how many tables are initialized.
        assets: names of the files of `assets/` that it uses.
        attachments: sorted by key.
        tensorflow_version: the TensorFlow that wrote it, as the graph says; may be empty.
        producer: the graph's producer version, TensorFlow's GRAPH_DEF_VERSION when it was made.
    """

    tags: tuple[str, ...]
    signatures: tuple[SignatureDescription, ...]
    ops: Mapping[str, int]
    nodes: int
    functions: int
    variables: int
    update_ops: int
    regularization_losses: int
    tables: int
    assets: tuple[str, ...]
    attachments: tuple[AttachmentDescription, ...]
    tensorflow_version: str
    producer: int

    @property
    def name(self) -> str:
        """The tags as messages show them: `{}` or `{'train'}`."""
        return format_tags(set(self.tags))

    def signature(self, name: str = "default") -> SignatureDescription:
        """The signature of this name.

        Raises:
            UnknownSignatureError: there is none.
        """
        for signature in self.signatures:
            if signature.name == name:
                return signature
        where = f"variant {format_tags(set(self.tags))}"
        raise unknown_signature(name, where, [signature.name for signature in self.signatures])


class Provenance(NamedTuple):
    """Where a module comes from, as far as it and the cache tell.

    Attributes:
        tensorflow_versions: the versions that wrote its variants, sorted.
        producers: the producer versions of its graphs, sorted.
        handle: the handle it was downloaded for; None for a module outside the cache.
        source: where the content came from.
        time: when it was downloaded, as the cache wrote it.
        digest: the content's digest, which a pin names.
    """

    tensorflow_versions: tuple[str, ...]
    producers: tuple[int, ...]
    handle: str | None = None
    source: str | None = None
    time: str | None = None
    digest: str | None = None


class ModuleDescription(NamedTuple):
    """A module: what `tf1hub show` prints.

    Attributes:
        name: the module in words: its path, or the function that made it.
        variants: the inference variant first.
        variables: of all variants, sorted by name.
        assets: sorted by name.
        unused: keys of the checkpoint that no variant has as a variable.
        provenance: where it comes from.
        files: what the publisher put beside the module; nothing in the graph reads it.
    """

    name: str
    variants: tuple[VariantDescription, ...]
    variables: tuple[VariableDescription, ...]
    assets: tuple[AssetDescription, ...]
    unused: tuple[str, ...]
    provenance: Provenance
    files: tuple[FileDescription, ...] = ()

    @property
    def parameters(self) -> int:
        """The number of elements of all variables whose shape is known."""
        return sum(variable.elements or 0 for variable in self.variables)

    @property
    def trainable_parameters(self) -> int:
        """The number of elements of the trainable variables."""
        return sum(variable.elements or 0 for variable in self.variables if variable.trainable)

    @property
    def variable_bytes(self) -> int:
        """What all variables take, in bytes."""
        return sum(variable.bytes or 0 for variable in self.variables)

    @property
    def asset_bytes(self) -> int:
        """What all assets take, in bytes."""
        return sum(asset.bytes or 0 for asset in self.assets)

    def variant(self, tags: Iterable[str] = ()) -> VariantDescription:
        """The variant with exactly these tags.

        Raises:
            UnknownTagsError: there is none.
            ArgumentError: the tags are one string.
        """
        wanted = tag_set(tags)
        for variant in self.variants:
            if set(variant.tags) == wanted:
                return variant
        raise unknown_tags(wanted, self.name, [frozenset(variant.tags) for variant in self.variants])

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON; totals included."""
        plain: dict[str, Any] = _plain(self)
        plain["totals"] = {
            "variables": len(self.variables),
            "parameters": self.parameters,
            "trainable_parameters": self.trainable_parameters,
            "variable_bytes": self.variable_bytes,
            "asset_bytes": self.asset_bytes,
        }
        return plain

    def __repr__(self) -> str:
        variants = ", ".join(
            f"{variant.name} ({', '.join(signature.name for signature in variant.signatures)})"
            for variant in self.variants
        )
        return (
            f"<{self.name}: variants {variants}; {len(self.variables)} variables, "
            f"{self.parameters:,} parameters, {self.variable_bytes:,} bytes; {len(self.assets)} assets>"
        )


def _plain(value: Any) -> Any:
    """Named tuples as dicts, all the way down."""
    if isinstance(value, tuple):
        if fields := getattr(value, "_fields", None):
            return {name: _plain(one) for name, one in zip(fields, value, strict=True)}
        return tuple(map(_plain, value))
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def shape_text(shape: tuple[int | None, ...] | None) -> str:
    """A shape as people read it.

    Example:
        >>> shape_text((None, 224, 224, 3)), shape_text(()), shape_text(None)
        ('[?, 224, 224, 3]', '[]', '<unknown>')
    """
    if shape is None:
        return "<unknown>"
    return "[" + ", ".join("?" if side is None else str(side) for side in shape) + "]"


def human_bytes(count: float) -> str:
    """Returns a byte count in the unit that reads best, such as `1.2 GB` (decimal units).

    >>> human_bytes(1_234_567)
    '1.2 MB'
    >>> human_bytes(12)
    '12 B'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def human_count(count: float) -> str:
    """Returns a number in the unit that reads best.

    >>> human_count(23_851_784), human_count(512)
    ('23.9 M', '512')
    """
    for unit in ("", " k", " M", " G"):
        if count < 1000 or unit == " G":
            break
        count /= 1000
    return f"{count:.1f}{unit}" if unit else f"{count:.0f}"
