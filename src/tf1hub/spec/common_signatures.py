"""The common signatures as data: what modules for the same task promise, and what one misses.

The rules are those of the page "Common signatures" that the specification refers to; the user's page
is `docs/checking.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tf1hub.spec.description import TensorDescription

__all__ = ["COMMON_SIGNATURES", "CommonSignature", "TensorRule", "find_intended", "find_met", "misses"]

BATCH = "batch"
"""A dimension that must be unknown, because any batch size goes."""
KNOWN = "known"
"""A dimension that must be known before the module runs."""
ANY = "any"
"""A dimension that may be known or not."""


class TensorRule(NamedTuple):
    """What an input or output must be: its element type, and for each dimension a size or a word above."""

    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        words = {BATCH: "?", KNOWN: "N", ANY: "any"}
        return f"{self.dtype} [{', '.join(words.get(str(side), str(side)) for side in self.shape)}]"

    def misses(self, tensor: TensorDescription) -> Iterator[str]:
        """Yields what a tensor misses, each as the end of a sentence that names the tensor."""
        if tensor.kind != "dense":
            yield f"is {tensor.kind}, not dense"
        if tensor.dtype != self.dtype:
            yield f"is {tensor.dtype}, not {self.dtype}"
        if tensor.shape is None:
            yield f"has a shape of unknown rank, not {self}"
            return
        if len(tensor.shape) != len(self.shape):
            yield f"has {len(tensor.shape)} dimensions, not {len(self.shape)} ({self})"
            return
        for axis, (side, rule) in enumerate(zip(tensor.shape, self.shape, strict=True)):
            if rule == BATCH and side is not None:
                yield f"has a batch size of {side}; it should be unknown, so that any batch size goes"
            elif rule == KNOWN and side is None:
                yield f"has an unknown dimension {axis}; it should be known"
            elif isinstance(rule, int) and side != rule:
                yield f"has {'an unknown number' if side is None else side} in dimension {axis}, not {rule}"


class CommonSignature(NamedTuple):
    """A convention that a signature may keep.

    Attributes:
        name: the convention's name, such as `"image_feature_vector"`.
        signature: the name that the signature must have.
        inputs: the rule of each input, by name; the name None stands for an only input of any name.
        outputs: the rule of each output that must be there.
        prefixed: whether the keys of further outputs begin with the architecture's name (`Arch/layer`).
    """

    name: str
    signature: str
    inputs: Mapping[str | None, TensorRule]
    outputs: Mapping[str, TensorRule]
    prefixed: bool = False


_IMAGES = TensorRule("float32", (BATCH, ANY, ANY, 3))
_VECTORS = TensorRule("float32", (BATCH, KNOWN))
_IDS = TensorRule("int32", (BATCH, ANY))
_SEQUENCES = TensorRule("float32", (BATCH, ANY, KNOWN))

TEXT = CommonSignature(
    "text_feature_vector", "default", {None: TensorRule("string", (BATCH,))}, {"default": _VECTORS}
)
IMAGE_FEATURE_VECTOR = CommonSignature(
    "image_feature_vector", "image_feature_vector", {"images": _IMAGES}, {"default": _VECTORS}, prefixed=True
)
IMAGE_CLASSIFICATION = CommonSignature(
    "image_classification", "image_classification", {"images": _IMAGES}, {"default": _VECTORS}, prefixed=True
)
BERT_TOKENS = CommonSignature(
    "bert_tokens",
    "tokens",
    {"input_ids": _IDS, "input_mask": _IDS, "segment_ids": _IDS},
    {"sequence_output": _SEQUENCES, "pooled_output": _VECTORS},
)
BERT_TOKENIZATION = CommonSignature(
    "bert_tokenization_info",
    "tokenization_info",
    {},
    {"vocab_file": TensorRule("string", ()), "do_lower_case": TensorRule("bool", ())},
)
ELMO_TOKENS = CommonSignature(
    "elmo_tokens",
    "tokens",
    {"tokens": TensorRule("string", (BATCH, ANY)), "sequence_len": TensorRule("int32", (BATCH,))},
    dict.fromkeys(("elmo", "lstm_outputs1", "lstm_outputs2", "word_emb"), _SEQUENCES) | {"default": _VECTORS},
)

COMMON_SIGNATURES = (
    TEXT,
    IMAGE_FEATURE_VECTOR,
    IMAGE_CLASSIFICATION,
    BERT_TOKENS,
    BERT_TOKENIZATION,
    ELMO_TOKENS,
)
"""All conventions that this library knows."""

Tensors = Mapping[str, TensorDescription]


def misses(common: CommonSignature, inputs: Tensors, outputs: Tensors) -> list[str]:
    """What a signature's inputs and outputs miss of a convention, in words; empty when it keeps it.

    Example:
        >>> images = TensorDescription("uint8", (None, 8, 8, 3))
        >>> vectors = TensorDescription("float32", (None, 16))
        >>> misses(IMAGE_FEATURE_VECTOR, {"images": images}, {"default": vectors})
        ["The input 'images' is uint8, not float32."]
    """
    return [*_input_misses(common, inputs), *_output_misses(common, outputs)]


def find_intended(name: str, inputs: Tensors, outputs: Tensors) -> CommonSignature | None:
    """The convention that a signature of this name aims at, kept or not; None for a signature of its own."""
    candidates = [
        common for common in COMMON_SIGNATURES if common.signature == name and _aims(common, inputs)
    ]
    return min(candidates, key=lambda common: len(misses(common, inputs, outputs)), default=None)


def find_met(name: str, inputs: Tensors, outputs: Tensors) -> list[CommonSignature]:
    """The conventions that a signature of this name keeps in full."""
    return [
        common
        for common in COMMON_SIGNATURES
        if common.signature == name and not misses(common, inputs, outputs)
    ]


def _aims(common: CommonSignature, inputs: Tensors) -> bool:
    """Whether the inputs make it likely: names like `default` and `tokens` mean several things."""
    if common.signature not in ("default", "tokens"):
        return True
    if None in common.inputs:
        return len(inputs) == 1 and next(iter(inputs.values())).dtype == "string"
    return any(name in inputs for name in common.inputs)


def _input_misses(common: CommonSignature, inputs: Tensors) -> Iterator[str]:
    if None in common.inputs:
        if len(inputs) != 1:
            yield f"It has {len(inputs)} inputs, not one."
            return
        ((name, tensor),) = inputs.items()
        yield from (f"The input {name!r} {fault}." for fault in common.inputs[None].misses(tensor))
        return
    for wanted, rule in common.inputs.items():
        if wanted is not None and wanted in inputs:
            yield from (f"The input {wanted!r} {fault}." for fault in rule.misses(inputs[wanted]))
        else:
            yield f"It has no input {wanted!r} ({rule})."
    for extra in sorted(set(inputs) - set(common.inputs)):
        yield f"It needs the further input {extra!r}, which no caller of the convention gives."


def _output_misses(common: CommonSignature, outputs: Tensors) -> Iterator[str]:
    for wanted, rule in common.outputs.items():
        if wanted in outputs:
            yield from (f"The output {wanted!r} {fault}." for fault in rule.misses(outputs[wanted]))
        else:
            yield f"It has no output {wanted!r} ({rule})."
    if common.prefixed:
        for extra in sorted(set(outputs) - set(common.outputs)):
            if "/" not in extra:
                yield f"The output {extra!r} has no prefix; further outputs are named 'Architecture/layer'."
