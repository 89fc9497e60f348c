"""What outputs depend on chance, and which runs change what later ones give."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.tensor_names import node_of
from tf1hub.graphdef.op_types import WRITES
from tf1hub.graphdef.walk import ancestors, functions_used
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

_RANDOM = re.compile("Random|Multinomial|TruncatedNormal|Stateful(StandardNormal|Uniform)")
_KEPT = re.compile(
    "Assign|Scatter|Apply|CountUpTo|Rng|Stateful(?!Partitioned)|Insert|Import|Remove|Queue|Stack|Stage|Barrier|Iterator|"
    "Reader|Accumulator|^Py|^EagerPy"
)
_OF_ONE_RUN = re.compile("TensorArray|TensorList|TensorScatter|ScatterNd(NonAliasingAdd)?$")
"""Op types that may leave something behind for later runs, but for those of arrays and lists that a run makes; some of
the others do not either."""


def random_ops(variant: Variant, output: ParsedTensorInfo) -> list[str]:
    """The op types that make an output depend on chance."""
    types = _types(variant, output.tensor_names)
    return sorted(op for op in types if _RANDOM.search(op) and not op.startswith("Stateless"))


def leaves_state(variant: Variant) -> bool:
    """Whether a run of a signature may change what later runs give, also those of other variants over the same state."""
    return any(map(_leaves_something, _types(variant, _all_outputs(variant))))


def writes_variables_alone(variant: Variant) -> bool:
    """Whether runs of signatures leave something behind, and do so in variables alone, by ops that name the variable."""
    nodes, bodies = _run_nodes(variant, _all_outputs(variant))
    left = [node for node in nodes if _leaves_something(node.op)]
    return (
        bool(left)
        and all(node.op in WRITES and node_of(node.input[0]) in variant.variable_nodes for node in left)
        and not any(_leaves_something(node.op) for node in bodies)
    )


def _leaves_something(op: str) -> bool:
    return bool(_KEPT.search(op)) and not _OF_ONE_RUN.match(op)


def _all_outputs(variant: Variant) -> list[str]:
    outputs = (info for name in variant.signature_names for info in variant.outputs(name).values())
    return [name for info in outputs for name in info.tensor_names]


def _types(variant: Variant, tensors: Iterable[str]) -> set[str]:
    """The op types that run to give some tensors, also in functions."""
    return {node.op for part in _run_nodes(variant, tensors) for node in part}


def _run_nodes(variant: Variant, tensors: Iterable[str]) -> tuple[list[NodeDef], list[NodeDef]]:
    """The nodes that run to give some tensors, and those of functions that run."""
    library = variant.meta_graph.graph_def.library
    nodes = [variant.nodes[name] for name in ancestors(variant.nodes, tensors)]
    used = functions_used(nodes, library)
    bodies = [function.node_def for function in library.function if function.signature.name in used]
    return nodes, [node for body in bodies for node in body]


def depends_on_chance(variant: Variant, signature: str) -> bool:
    """Whether all outputs of a signature depend on random ops; they may be the same nevertheless."""
    return all(random_ops(variant, output) for output in variant.outputs(signature).values())
