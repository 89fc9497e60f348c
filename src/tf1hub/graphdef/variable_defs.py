"""The variables of a variant, as its collections list them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

from google.protobuf.message import DecodeError

from tf1hub.errors import FormatError
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef, VariableDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.variable_ops import complete

VARIABLE_COLLECTIONS = ("variables", "trainable_variables", "model_variables")


class VariablePart(NamedTuple):
    """The part of a partitioned variable that one variable holds.

    A box as `tf1hub.format.checkpoint.Slice` is, with the shape of the whole that VariableDef and the ops give.
    """

    full_shape: tuple[int, ...]
    offset: tuple[int, ...]
    shape: tuple[int, ...]

    def spec(self) -> str:
        """The slice as RestoreV2 and SaveV2 want it.

        Example:
            >>> VariablePart((11, 7), (4, 0), (4, 7)).spec()
            '11 7 4,4:0,7'
        """
        extents = ":".join(f"{start},{length}" for start, length in zip(self.offset, self.shape, strict=True))
        return " ".join(str(size) for size in self.full_shape) + " " + extents

    @property
    def cut(self) -> tuple[slice, ...]:
        """NumPy's index of the part in the whole."""
        return tuple(
            slice(start, start + length) for start, length in zip(self.offset, self.shape, strict=True)
        )


class StoredVariable(NamedTuple):
    """One variable of a variant, or one part of a partitioned one.

    Attributes:
        name: the variable's name in the module and its key in the checkpoint; parts of a
            partitioned variable share it.
        node: the graph node that holds the variable.
        slice: which part this is, where the variable is partitioned.
        definition: the message, with what it leaves out and the graph tells (see `variable_ops.complete`).
    """

    name: str
    node: str
    slice: VariablePart | None
    definition: VariableDef


def parse_variable_def(data: bytes, nodes: Callable[[], Mapping[str, NodeDef]], where: str) -> StoredVariable:
    """One VariableDef of a collection.

    Args:
        data: the message.
        nodes: gives the graph's nodes by name.
        where: where it came from, for messages.

    Raises:
        FormatError: the bytes are no usable VariableDef.
    """
    try:
        definition = VariableDef.FromString(data)
    except DecodeError as error:
        raise FormatError(
            f"{where} holds a variable of {len(data)} bytes that is not a VariableDef."
        ) from error
    if not definition.variable_name:
        raise FormatError(f"{where} holds a variable without a name: {definition!s}")
    complete(definition, nodes)
    node = node_of(definition.variable_name)
    if not definition.HasField("save_slice_info_def"):
        return StoredVariable(node, node, None, definition)
    info = definition.save_slice_info_def
    part = VariablePart(tuple(info.full_shape), tuple(info.var_offset), tuple(info.var_shape))
    if not len(part.full_shape) == len(part.offset) == len(part.shape):
        raise FormatError(
            f"{where} holds a part of the variable {info.full_name!r} whose slice has mixed ranks: {part}."
        )
    return StoredVariable(info.full_name or node, node, part, definition)


def variables_by_collection(meta_graph: MetaGraphDef, where: str) -> dict[str, list[StoredVariable]]:
    """The variables of a variant, as each collection of variables lists them.

    Args:
        meta_graph: the variant.
        where: where it came from, for messages.

    Raises:
        FormatError: an item of a collection is not a VariableDef.
    """
    # The collections repeat one another, and parsing is most of what listing a module takes.
    parsed: dict[bytes, StoredVariable] = {}

    @cache
    def nodes() -> dict[str, NodeDef]:
        return {node.name: node for node in meta_graph.graph_def.node}

    found: dict[str, list[StoredVariable]] = {}
    for collection in VARIABLE_COLLECTIONS:
        listed = found[collection] = []
        for data in _bytes_of(meta_graph, collection):
            if data not in parsed:
                parsed[data] = parse_variable_def(data, nodes, f"The collection {collection!r} of {where}")
            listed.append(parsed[data])
    return found


def stored_variables(meta_graph: MetaGraphDef, where: str) -> list[StoredVariable]:
    """All variables of a variant, each once, in the order of its collections; see `variables_by_collection`."""
    return each_once(variables_by_collection(meta_graph, where))


def each_once(collections: Mapping[str, Iterable[StoredVariable]]) -> list[StoredVariable]:
    """The variables of all collections, each once."""
    found: dict[str, StoredVariable] = {}
    for variables in collections.values():
        for variable in variables:
            found.setdefault(variable.node, variable)
    return list(found.values())


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
