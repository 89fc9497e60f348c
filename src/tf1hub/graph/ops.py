"""What TensorFlow knows about the ops of a variant: which hold state, which it lacks."""

from __future__ import annotations

from collections.abc import Iterable

from tf1hub._tensorflow import op_def
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef.op_definitions import gives_state
from tf1hub.graphdef.op_packages import package_of, where_from
from tf1hub.spec.variant import Variant


def holds_state(node: NodeDef) -> bool:
    """Whether a node is a handle to state: a stateful op without inputs whose output is a handle.

    Variables of both kinds, tables, queues and the like are; an op such as `Timestamp`, stateful but
    with a plain value, belongs to each application.
    """
    return gives_state(op_def(node.op))


def shares_by_name(node: NodeDef) -> bool:
    """Whether the op finds its state by a `shared_name`."""
    return any(attr.name == "shared_name" for attr in op_def(node.op).attr)


def check_ops(variant: Variant) -> None:
    """Refuses a variant with ops that this TensorFlow does not have.

    Raises:
        UnsupportedGraphError: it names all of them.
    """
    library = variant.meta_graph.graph_def.library
    functions = {function.signature.name for function in library.function}
    used = _op_types(variant.meta_graph.graph_def.node).union(
        *(_op_types(function.node_def) for function in library.function)
    )
    missing = sorted(op for op in used - functions if op_def(op) is None)
    if missing:
        import tensorflow as tf

        unknown = [op for op in missing if package_of(op) is None]
        rest = "They come" if unknown == missing else f"The others ({', '.join(unknown)}) come"
        guess = f"{rest} from a package with custom ops, to be imported first, or from another version of TensorFlow."
        raise UnsupportedGraphError(
            f"TensorFlow {tf.__version__} does not have {len(missing)} of the ops in {variant.where}: "
            f"{', '.join(missing)}. "
            + " ".join(filter(None, [where_from(missing), guess if unknown else ""]))
        )


def _op_types(nodes: Iterable[NodeDef]) -> set[str]:
    return {node.op for node in nodes}
