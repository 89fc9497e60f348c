"""One graph variant of a module: its signatures, variables, assets and graph."""

from __future__ import annotations

from functools import cached_property

from tf1hub.format import assets, attachments
from tf1hub.format.messages_pb2 import MetaGraphDef, NodeDef
from tf1hub.format.saved_model import format_tags
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef import op_types, variable_defs
from tf1hub.graphdef.variable_defs import StoredVariable
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.unknown import unknown_signature

DEFAULT_SIGNATURE = "default"


class Variant:
    """A graph variant, read once and shared by all that is built from it.

    Attributes:
        meta_graph: the message; nobody may change it.
        module: the module in words (its path), for messages.
        trusted: what it may do beyond computing; see `permission`.
    """

    def __init__(self, meta_graph: MetaGraphDef, module: str, trusted: frozenset[str] = frozenset()) -> None:
        self.meta_graph = meta_graph
        self.module = module
        self.trusted = trusted

    @cached_property
    def tags(self) -> frozenset[str]:
        """The set of tags that names this variant; empty for inference."""
        return frozenset(self.meta_graph.meta_info_def.tags)

    @property
    def where(self) -> str:
        """The variant in words, for messages."""
        return f"variant {format_tags(self.tags)} of {self.module}"

    @cached_property
    def signature_names(self) -> list[str]:
        """All signatures, sorted."""
        return sorted(self.meta_graph.signature_def)

    def inputs(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The inputs of a signature (`"default"` when None), sorted by name.

        Raises:
            UnknownSignatureError: the variant has no such signature.
        """
        return _parse(self.meta_graph.signature_def[self._check_name(signature)].inputs)

    def outputs(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The outputs of a signature (`"default"` when None), sorted by name.

        Raises:
            UnknownSignatureError: the variant has no such signature.
        """
        return _parse(self.meta_graph.signature_def[self._check_name(signature)].outputs)

    @cached_property
    def attachments(self) -> dict[str, bytes]:
        """The serialized messages attached to this variant, by key."""
        return attachments.attachments(self.meta_graph, self.where)

    @cached_property
    def variables(self) -> list[StoredVariable]:
        """All variables; the parts of a partitioned one each."""
        return variable_defs.each_once(self._variables_by_collection)

    @cached_property
    def _variables_by_collection(self) -> dict[str, list[StoredVariable]]:
        return variable_defs.variables_by_collection(self.meta_graph, self.where)

    @cached_property
    def variable_nodes(self) -> frozenset[str]:
        """The graph nodes that hold variables."""
        return frozenset(variable.node for variable in self.variables)

    @cached_property
    def table_fillers(self) -> dict[str, list[str]]:
        """For each table, by node, the nodes that fill it."""
        fillers: dict[str, list[str]] = {}
        for target in self.collection("table_initializer"):
            for name in ancestors(self.nodes, [target]):
                if self.nodes[name].op in op_types.TABLES:
                    fillers.setdefault(name, []).append(node_of(target))
        return fillers

    @cached_property
    def trainable_nodes(self) -> frozenset[str]:
        """The graph nodes that hold the variables that the publisher marked trainable."""
        return self.nodes_in("trainable_variables")

    def nodes_in(self, collection: str) -> frozenset[str]:
        """The graph nodes that hold the variables of one of the collections of variables."""
        return frozenset(variable.node for variable in self._variables_by_collection[collection])

    @cached_property
    def asset_files(self) -> dict[str, str]:
        """File name in `assets/` of each asset tensor."""
        return assets.asset_files(self.meta_graph, self.where)

    @cached_property
    def nodes(self) -> dict[str, NodeDef]:
        """The graph's nodes by name."""
        return {node.name: node for node in self.meta_graph.graph_def.node}

    def collection(self, name: str) -> list[str]:
        """The node list of a collection; empty where the variant has none."""
        # A protobuf map would insert a missing key on `[]`.
        if name not in self.meta_graph.collection_def:
            return []
        return list(self.meta_graph.collection_def[name].node_list.value)

    def collection_bytes(self, name: str) -> list[bytes]:
        """The serialized messages of a collection; empty where the variant has none."""
        if name not in self.meta_graph.collection_def:
            return []
        return list(self.meta_graph.collection_def[name].bytes_list.value)

    def check_signature(self, signature: str | None) -> str:
        """The name of a signature that is there.

        Raises:
            ArgumentError: it is no string.
            UnknownSignatureError: it is not there; the message lists those that are.
        """
        return self._check_name(signature)

    def _check_name(self, signature: str | None) -> str:
        name = DEFAULT_SIGNATURE if signature is None else signature
        # Of a string that no file can hold, protobuf's maps raise an error of their own.
        if name not in self.signature_names:
            raise unknown_signature(name, self.where, self.signature_names)
        return name

    def __repr__(self) -> str:
        return (
            f"<{self.where}: signatures {', '.join(self.signature_names)}; {len(self.variables)} variables>"
        )


def _parse(infos: object) -> dict[str, ParsedTensorInfo]:
    items = infos.items()  # type: ignore[attr-defined]  # a protobuf map, untyped in its stubs
    return {name: ParsedTensorInfo(info) for name, info in sorted(items)}
