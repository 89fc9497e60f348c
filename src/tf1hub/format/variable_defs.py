"""The variables of a variant, as its collections list them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import MetaGraphDef, VariableDef
from tf1hub.format.tensor_names import node_of

VARIABLE_COLLECTIONS = ("variables", "trainable_variables", "model_variables")


@dataclass(frozen=True)
class Slice:
    """The part of a partitioned variable that one variable holds."""

    full_shape: tuple[int, ...]
    offset: tuple[int, ...]
    shape: tuple[int, ...]

    def spec(self) -> str:
        """The slice as RestoreV2 and SaveV2 want it.

        Example:
            >>> Slice((11, 7), (4, 0), (4, 7)).spec()
            '11 7 4,4:0,7'
        """
        extents = ":".join(f"{start},{length}" for start, length in zip(self.offset, self.shape, strict=True))
        return " ".join(str(size) for size in self.full_shape) + " " + extents


@dataclass(frozen=True)
class StoredVariable:
    """One variable of a variant, or one part of a partitioned one.

    Attributes:
        name: the variable's name in the module and its key in the checkpoint; parts of a
            partitioned variable share it.
        node: the graph node that holds the variable.
        slice: which part this is, where the variable is partitioned.
        definition: the message as the collection has it.
    """

    name: str
    node: str
    slice: Slice | None
    definition: VariableDef


def parse_variable_def(data: bytes, place: str) -> StoredVariable:
    """One VariableDef of a collection.

    Raises:
        FormatError: the bytes are no usable VariableDef.
    """
    try:
        definition = VariableDef.FromString(data)
    except DecodeError as error:
        raise FormatError(
            f"{place} holds a variable of {len(data)} bytes that is not a VariableDef."
        ) from error
    if not definition.variable_name or not definition.initializer_name:
        raise FormatError(f"{place} holds a variable without a name or an initializer: {definition!s}")
    node = node_of(definition.variable_name)
    if not definition.HasField("save_slice_info_def"):
        return StoredVariable(node, node, None, definition)
    info = definition.save_slice_info_def
    part = Slice(tuple(info.full_shape), tuple(info.var_offset), tuple(info.var_shape))
    if not len(part.full_shape) == len(part.offset) == len(part.shape):
        raise FormatError(
            f"{place} holds a part of the variable {info.full_name!r} whose slice has mixed ranks: {part}."
        )
    return StoredVariable(info.full_name or node, node, part, definition)


def stored_variables(meta_graph: MetaGraphDef, place: str) -> list[StoredVariable]:
    """All variables of a variant, each once, in the order of its collections.

    Args:
        meta_graph: the variant.
        place: where it came from, for messages.

    Raises:
        FormatError: a collection holds what is not a VariableDef.
    """
    found: dict[str, StoredVariable] = {}
    # The collections repeat one another, and parsing is most of what listing a module takes.
    seen: set[bytes] = set()
    for collection in VARIABLE_COLLECTIONS:
        for data in _bytes_of(meta_graph, collection):
            if data not in seen:
                seen.add(data)
                variable = parse_variable_def(data, f"The collection {collection!r} of {place}")
                found.setdefault(variable.node, variable)
    return list(found.values())


def nodes_in_collection(meta_graph: MetaGraphDef, collection: str, place: str) -> list[str]:
    """The nodes of the variables in one collection."""
    where = f"The collection {collection!r} of {place}"
    return [parse_variable_def(data, where).node for data in _bytes_of(meta_graph, collection)]


def by_name(variables: Iterable[StoredVariable]) -> dict[str, list[StoredVariable]]:
    """Groups the parts of partitioned variables under their common name."""
    groups: dict[str, list[StoredVariable]] = {}
    for variable in variables:
        groups.setdefault(variable.name, []).append(variable)
    return groups


def _bytes_of(meta_graph: MetaGraphDef, collection: str) -> Iterable[bytes]:
    # A protobuf map would insert a missing key on `[]`.
    if collection not in meta_graph.collection_def:
        return ()
    return meta_graph.collection_def[collection].bytes_list.value
