"""Which signatures of a variant one program serves.

The signatures that publishers agreed on come in pairs: `"image_feature_vector"` gives what `"default"` gives, and many a
tensor on the way there. One program serves both, where it makes no difference to anybody: it runs the same ops, and a
gradient that goes through all its outputs, also those that a caller did not get, adds zeros to gradients that are there
anyway. Elsewhere it may not: a zero that goes back through an op of its own can come out as NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from tf1hub.format.tensor_names import node_of, split_tensor_name, tensor_name
from tf1hub.graphdef.gradient_paths import tensors_with_gradient
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

_Tensors: TypeAlias = tuple[str, ...]


def names_in(
    wanted: Mapping[str, ParsedTensorInfo], having: Mapping[str, ParsedTensorInfo]
) -> dict[str, str]:
    """For the name of each wanted input or output the name that another signature has for it."""
    names = _by_tensors(having)
    return {
        name: name if name in having and _tensors(having[name]) == _tensors(info) else names[_tensors(info)]
        for name, info in wanted.items()
    }


def program_signature(variant: Variant, signature: str) -> str:
    """The signature whose program serves another one, or this one itself."""
    wider = [name for name in variant.signature_names if _serves(variant, name, signature)]
    return max(wider, key=lambda name: len(_by_tensors(variant.outputs(name))))


def _serves(variant: Variant, wide: str, narrow: str) -> bool:
    """Whether the program of one signature may run for another one."""
    if wide == narrow:
        return True
    given, taken = variant.inputs(narrow), variant.inputs(wide)
    by_input = _by_tensors(given)
    if by_input.keys() != _by_tensors(taken).keys() or not len(by_input) == len(given) == len(taken):
        return False
    ours, theirs = _by_tensors(variant.outputs(narrow)), _by_tensors(variant.outputs(wide))
    if not theirs.keys() >= ours.keys():
        return False
    further = [variant.outputs(wide)[theirs[key]] for key in theirs.keys() - ours.keys()]
    return not further or _makes_no_difference(variant, narrow, further)


def _makes_no_difference(variant: Variant, signature: str, further: Sequence[ParsedTensorInfo]) -> bool:
    """Whether to give further tensors changes neither what a signature runs nor its gradients."""
    outputs = list(variant.outputs(signature).values())
    if any(info.kind != "dense" for info in (*outputs, *further)):
        return False
    fed = {tensor_name(name) for info in variant.inputs(signature).values() for name in info.tensor_names}
    needed = ancestors(variant.nodes, _names(outputs), fed)
    on_the_way = tensors_with_gradient(variant.nodes, _names(filter(_is_float, outputs)))
    return {node_of(name) for name in _names(further)} <= needed and {
        split_tensor_name(name) for name in _names(filter(_is_float, further))
    } <= on_the_way


def _by_tensors(infos: Mapping[str, ParsedTensorInfo]) -> dict[_Tensors, str]:
    return {_tensors(info): name for name, info in infos.items()}


def _tensors(info: ParsedTensorInfo) -> _Tensors:
    """What an input or output is in the graph."""
    return (str(info.type_spec), *info.tensor_names)


def _names(infos: Iterable[ParsedTensorInfo]) -> list[str]:
    return [name for info in infos for name in info.tensor_names]


def _is_float(info: ParsedTensorInfo) -> bool:
    return info.dtype_name.startswith(("float", "bfloat", "double", "half", "complex"))
