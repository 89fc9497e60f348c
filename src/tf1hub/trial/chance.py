"""What outputs depend on chance, and which runs change what later ones give."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tf1hub.graphdef.walk import ancestors, functions_used
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

_RANDOM = re.compile("Random|Multinomial|TruncatedNormal|Stateful(StandardNormal|Uniform)")
_KEPT = re.compile(
    "Assign|Scatter|Apply|CountUpTo|Rng|Stateful(?!Partitioned)|Insert|Import|Remove|Queue|Stack|Stage|Barrier|Iterator|"
    "Reader|Accumulator|^Py|^EagerPy"
)
"""Op types that may leave something behind for later runs; some of them do not."""


def random_ops(variant: Variant, output: ParsedTensorInfo) -> list[str]:
    """The op types that make an output depend on chance."""
    types = _types(variant, output.tensor_names)
    return sorted(op for op in types if _RANDOM.search(op) and not op.startswith("Stateless"))


def leaves_state(variant: Variant) -> bool:
    """Whether a run of a signature may change what later runs give, also those of other variants over the same state."""
    outputs = (info for name in variant.signature_names for info in variant.outputs(name).values())
    types = _types(variant, [name for info in outputs for name in info.tensor_names])
    return any(_KEPT.search(op) for op in types)


def _types(variant: Variant, tensors: Iterable[str]) -> set[str]:
    """The op types that run to give some tensors, also in functions."""
    library = variant.meta_graph.graph_def.library
    nodes = [variant.nodes[name] for name in ancestors(variant.nodes, tensors)]
    used = functions_used(nodes, library)
    bodies = [function.node_def for function in library.function if function.signature.name in used]
    return {node.op for part in [nodes, *bodies] for node in part}


def depends_on_chance(variant: Variant, signature: str) -> bool:
    """Whether all outputs of a signature depend on random ops; they may be the same nevertheless."""
    return all(random_ops(variant, output) for output in variant.outputs(signature).values())
