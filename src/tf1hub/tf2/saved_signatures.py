"""Signatures in a SavedModel call programs directly.

TensorFlow wraps each signature that it saves in a function of its own. So there are two around each program, and to load
one takes a tenth of a millisecond for each variable that it hands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import CALLS, IDENTITIES

_DEFAULT = "_default_save_signature"
"""What TensorFlow takes for `serving_default` where a restored module is saved and the caller names no signatures."""


def note_default(objects: Any, signature: str) -> None:
    """Notes which signature is the default one of a restored module that is saved again.

    Args:
        objects: the SavedObjectGraph.
        signature: its name.
    """
    root = objects.nodes[0]
    signatures = objects.nodes[_child(root, "signatures")]
    root.children.add(local_name=_DEFAULT, node_id=_child(signatures, signature))


def serve_also_as(graph: Any, signature: str, name: str) -> None:
    """Serves a signature under another name too: by ops of its own, as serving tools know them, and by the same function.

    Args:
        graph: the MetaGraphDef.
        signature: its name.
        name: the other one.
    """
    nodes = {node.name: node for node in graph.graph_def.node}
    definition = graph.signature_def[name]
    definition.CopyFrom(graph.signature_def[signature])
    copied = {node_of(info.name): f"{name}_{key}" for key, info in definition.inputs.items()}
    for info in definition.outputs.values():
        copied.setdefault(node_of(info.name), node_of(info.name))
    for old, wanted in copied.items():
        copied[old] = free_name(wanted, nodes)
        nodes[copied[old]] = graph.graph_def.node.add()
        nodes[copied[old]].CopyFrom(nodes[old])
        nodes[copied[old]].name = copied[old]
    for new in copied.values():
        nodes[new].input[:] = [copied.get(given, given) for given in nodes[new].input]
    for info in (*definition.inputs.values(), *definition.outputs.values()):
        node, _, index = info.name.rpartition(":")
        info.name = f"{copied[node]}:{index}"
    objects = graph.object_graph_def
    signatures = objects.nodes[_child(objects.nodes[0], "signatures")]
    signatures.children.add(local_name=name, node_id=_child(signatures, signature))


def call_directly(graph: Any, names: Iterable[str]) -> None:
    """Takes out functions that do nothing but call another one, where other functions call them.

    Args:
        graph: the MetaGraphDef.
        names: the functions that may be taken out; others, and those that do more, stay.
    """
    library = graph.graph_def.library.function
    called = {node.attr["f"].func.name for node in graph.graph_def.node if node.op in CALLS}
    wanted = set(names) - called - set(graph.object_graph_def.concrete_functions)
    functions = {function.signature.name: function for function in library}
    passed_on = {name: found for name in wanted if (found := _find_passed_on(functions[name])) is not None}
    for function in library:
        renamed: dict[str, str] = {}
        for node in function.node_def:
            found = passed_on.get(node.attr["f"].func.name) if node.op in CALLS else None
            if found is not None:
                renamed.update(found.give_to(node))
        if renamed:
            for node in function.node_def:
                node.input[:] = [renamed.get(given, given) for given in node.input]
            for key, value in function.ret.items():
                function.ret[key] = renamed.get(value, value)
    for index in reversed(range(len(library))):
        if library[index].signature.name in passed_on:
            del library[index]


class _PassedOn:
    """What a function that only calls another one does.

    Args:
        call: the call.
        inputs: for each input of the call, the function's own.
        outputs: for each output of the function, that of the call.
    """

    def __init__(self, call: Any, inputs: list[int], outputs: list[int]) -> None:
        self._call = call
        self._inputs = inputs
        self._outputs = outputs

    def give_to(self, node: Any) -> Mapping[str, str]:
        """Lets a call of the function call what that calls; returns the new names of its outputs, by the old ones."""
        given = [name for name in node.input if not name.startswith("^")]
        waits = [name for name in node.input if name.startswith("^")]
        node.input[:] = [given[index] for index in self._inputs] + waits
        node.attr.clear()
        node.attr.MergeFrom(self._call.attr)
        return {
            f"{node.name}:output:{index}": f"{node.name}:output:{output}"
            for index, output in enumerate(self._outputs)
        }


def _find_passed_on(function: Any) -> _PassedOn | None:
    """What a function passes on; None where it does anything else."""
    calls = [node for node in function.node_def if node.op in CALLS]
    if len(calls) != 1 or any(node.op not in {*CALLS, *IDENTITIES, "NoOp"} for node in function.node_def):
        return None
    (call,) = calls
    arguments = [argument.name for argument in function.signature.input_arg]
    given = [name for name in call.input if not name.startswith("^")]
    values = {f"{node.name}:output:0": node.input[0] for node in function.node_def if node.op in IDENTITIES}
    returned = [function.ret[argument.name] for argument in function.signature.output_arg]
    returned = [values.get(name, name) for name in returned]
    prefix = f"{call.name}:output:"
    if not set(given) <= set(arguments) or not all(name.startswith(prefix) for name in returned):
        return None
    return _PassedOn(
        call,
        [arguments.index(name) for name in given],
        [int(name.removeprefix(prefix)) for name in returned],
    )


def _child(node: Any, name: str) -> int:
    return int(next(child.node_id for child in node.children if child.local_name == name))
