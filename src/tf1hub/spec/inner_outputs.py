"""Signatures that return any tensor of a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from tf1hub.errors import ArgumentError, Error, UnknownNameError, UnsupportedGraphError
from tf1hub.format.messages_pb2 import SavedModel, SignatureDef, TensorInfo
from tf1hub.format.saved_model import format_tags, tensors_of
from tf1hub.format.tensor_names import tensor_name
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import PLACEHOLDERS
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.graph_tensors import GraphTensors
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant

if TYPE_CHECKING:
    from tf1hub.spec.module_spec import ModuleSpec

Outputs: TypeAlias = str | Iterable[str] | Mapping[str, str]
"""Outputs as callers ask for them: one tensor, which is called `"default"`; several, which are called by their
names; or a dict from what they are to be called to their names. A name may also be that of an output of the
signature."""


def name_outputs(outputs: Outputs) -> dict[str, str]:
    """Outputs as a dict from what each is called to the tensor.

    Raises:
        ArgumentError: they are none.

    Example:
        >>> name_outputs("a:0"), name_outputs(["a:0", "default"]), name_outputs({"first": "a:0"})
        ({'default': 'a:0'}, {'a:0': 'a:0', 'default': 'default'}, {'first': 'a:0'})
    """
    if isinstance(outputs, str):
        return {"default": outputs}
    if isinstance(outputs, Iterable):
        found = dict(outputs) if isinstance(outputs, Mapping) else {name: name for name in outputs}
        if found and all(isinstance(part, str) for item in found.items() for part in item):
            return found
    raise ArgumentError(
        "outputs= is the name of a tensor, a list of names, or a dict from what each is to be called to its name; it was "
        f"given {outputs!r}."
    )


def with_outputs(
    spec: ModuleSpec, outputs: Outputs, signature: str | None, variants: Collection[Variant]
) -> ModuleSpec:
    """The same module, one of whose signatures returns other tensors; see `ModuleSpec.with_outputs`.

    Args:
        spec: the module.
        outputs: what is returned.
        signature: the signature's name; None is `"default"`.
        variants: those whose signature changes; of the others it stays.
    """
    wanted = name_outputs(outputs)
    changed = {variant.tags: _change(spec, variant, signature, wanted) for variant in variants}
    return _with_signatures(spec, signature or DEFAULT_SIGNATURE, changed)


def with_further_signature(
    spec: ModuleSpec, variant: Variant, feeds: Sequence[str], fetches: Sequence[str]
) -> tuple[ModuleSpec, str]:
    """The same module, one of whose variants has a further signature: from any tensors of its graph to others.

    Args:
        spec: the module.
        variant: the variant.
        feeds: names of tensors that are given; they become the inputs `"0"`, `"1"` and so on.
        fetches: names of tensors that are returned, as the outputs `"0"`, `"1"` and so on.

    Returns:
        The module, and the name of the signature.
    """
    tensors = GraphTensors(variant)
    definition = SignatureDef()
    for index, name in enumerate(feeds):
        definition.inputs[str(index)].CopyFrom(tensors.info(name))
    for index, name in enumerate(fetches):
        info = tensors.info(name)
        _check_computable(variant, definition, "none of the feeds is", name, info)
        definition.outputs[str(index)].CopyFrom(info)
    signature = free_name("pruned", variant.signature_names)
    return _with_signatures(spec, signature, {variant.tags: definition}), signature


def _with_signatures(
    spec: ModuleSpec, name: str, definitions: Mapping[frozenset[str], SignatureDef]
) -> ModuleSpec:
    """The same module, where a signature of some variants, by their tags, is another one."""
    saved_model = SavedModel()
    saved_model.CopyFrom(spec.saved_model)
    for graph in saved_model.meta_graphs:
        definition = definitions.get(frozenset(graph.meta_info_def.tags))
        if definition is not None:
            graph.signature_def[name].CopyFrom(definition)
    return spec.with_values(spec.checkpoint, saved_model=saved_model)


def _change(
    spec: ModuleSpec, variant: Variant, signature: str | None, outputs: Mapping[str, str]
) -> SignatureDef:
    name = variant.check_signature(signature)
    try:
        return _definition(variant, name, outputs)
    except UnknownNameError as error:
        others = [
            other for other in spec.variants() if name in other.signature_names and _has(other, name, outputs)
        ]
        if not others:
            raise
        tags = format_tags(others[0].tags)
        shown = tags if others[0].tags else "[]"
        raise UnknownNameError(
            f"{error}\nThe variant {tags} has it: give tags={shown} for that one alone."
        ) from error


def _has(variant: Variant, signature: str, outputs: Mapping[str, str]) -> bool:
    try:
        _definition(variant, signature, outputs)
    except Error:
        return False
    return True


def _definition(variant: Variant, name: str, outputs: Mapping[str, str]) -> SignatureDef:
    known = variant.meta_graph.signature_def[name]
    tensors = GraphTensors(variant)
    changed = SignatureDef()
    changed.CopyFrom(known)
    changed.ClearField("outputs")
    for key, tensor in outputs.items():
        info = known.outputs[tensor] if tensor in [*known.outputs] else tensors.info(tensor)
        _check_computable(variant, known, f"no input of the signature {name!r} feeds", tensor, info)
        changed.outputs[key].CopyFrom(info)
    return changed


def _check_computable(
    variant: Variant, definition: SignatureDef, unfed: str, name: str, info: TensorInfo
) -> None:
    fed = {tensor_name(tensor) for given in definition.inputs.values() for tensor in tensors_of(given)}
    needed = ancestors(variant.nodes, tensors_of(info), fed)
    missing = sorted(node for node in needed if variant.nodes[node].op in PLACEHOLDERS)
    if missing:
        raise UnsupportedGraphError(
            f"The tensor {name!r} of {variant.where} needs {', '.join(map(repr, missing))}, placeholders that {unfed}."
        )
