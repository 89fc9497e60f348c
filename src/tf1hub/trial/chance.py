"""What outputs depend on chance."""

from __future__ import annotations

import re

from tf1hub.graphdef.walk import ancestors, functions_used
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

_RANDOM = re.compile("Random|Multinomial|TruncatedNormal|Stateful(StandardNormal|Uniform)")


def random_ops(variant: Variant, output: ParsedTensorInfo) -> list[str]:
    """The op types that make an output depend on chance."""
    library = variant.meta_graph.graph_def.library
    nodes = [variant.nodes[name] for name in ancestors(variant.nodes, output.tensor_names)]
    used = functions_used(nodes, library)
    bodies = [function.node_def for function in library.function if function.signature.name in used]
    types = {node.op for part in [nodes, *bodies] for node in part}
    return sorted(op for op in types if _RANDOM.search(op) and not op.startswith("Stateless"))


def depends_on_chance(variant: Variant, signature: str) -> bool:
    """Whether all outputs of a signature depend on random ops; they may be the same nevertheless."""
    return all(random_ops(variant, output) for output in variant.outputs(signature).values())
