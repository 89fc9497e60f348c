"""What of a variant cannot be traced again, found before anything is built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from tf1hub import _tensorflow
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.graph_walk import ancestors
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.saved_model import format_tags
from tf1hub.format.tensor_names import node_of
from tf1hub.spec.variant import Variant
from tf1hub.tf2 import graph, op_types
from tf1hub.tf2.array_order import check_order
from tf1hub.tf2.functions import Functions
from tf1hub.tf2.hints import hints_of
from tf1hub.tf2.regions import find_regions

_REASONS = {
    r"PyFunc|PyFuncStateless|EagerPyFunc": "runs Python code of the program that made the module",
    r".*Queue.*|Barrier.*|.*ConditionalAccumulator|.*Reader(V2)?|Reader.*|Stage|Unstage|MapStage|MapUnstage": (
        "keeps data in a queue or reader, which has no counterpart inside tf.function"
    ),
    r"Iterator.*|OneShotIterator|MakeIterator|AnonymousIterator.*": "reads from an input pipeline",
    r"Stack(V2)?|StackPush(V2)?|StackPop(V2)?|StackClose(V2)?": "keeps a stack, as gradients of old loops do",
    r"TensorArray(Grad.*|Pack|Unpack|)|TensorArray(Read|Write|Gather|Scatter|Concat|Split|Size|Close)": (
        "is a TensorArray of a form that cannot be read"
    ),
    r"TemporaryVariable|DestroyTemporaryVariable|CountUpTo": "changes a variable in a way that tf.Variable cannot",
    r"SymbolicGradient|RemoteCall|_Send|_Recv|_HostSend|_HostRecv": "cannot be written as TF2 code",
}
_ADVICE = (
    "Inference still works with TensorFlow's own loader: "
    "tf.saved_model.load({path!r}, tags={tags!r}).signatures[...]; so does tf1hub.Module in a tf.Graph."
)
_READ_HERE = (
    op_types.VARIABLES
    | op_types.WRITES
    | op_types.QUESTIONS
    | op_types.TABLES
    | op_types.OLD_TABLE_OPS
    | graph.CONTROL_FLOW
    | {"RefIdentity"}
)


def check_supported(variants: Iterable[Variant]) -> None:
    """Refuses variants that cannot be traced again.

    Raises:
        UnsupportedGraphError: a graph uses constructs that cannot be read; all are listed.
    """
    found = {variant: problems for variant in variants if (problems := unsupported(variant))}
    if not found:
        return
    first = next(iter(found))
    text = f"The variant {format_tags(first.tags)} of {first.module} cannot be loaded into TensorFlow 2. Its graph has:"
    for variant, problems in found.items():
        if variant is not first:
            text += f"\nThe graph of its variant {format_tags(variant.tags)} has:"
        text += "".join(f"\n  - {problem}" for problem in problems)
    advice = _ADVICE.format(path=first.module, tags=sorted(first.tags))
    raise UnsupportedGraphError(f"{text}\n{advice}")


def unsupported(variant: Variant) -> list[str]:
    """What of a variant cannot be traced again, a sentence for each; empty where all is well."""
    fetches, fed = _asked_for(variant)
    used = ancestors(variant.nodes, fetches, fed)
    nodes = [variant.nodes[name] for name in used if name not in fed]
    functions = Functions(variant.meta_graph.graph_def.library)
    problems = list(_unsupported_ops([*nodes, *functions.nodes_used(nodes)], functions))
    if any(node.op in graph.CONTROL_FLOW or node.op in op_types.TENSOR_ARRAYS for node in nodes):
        try:
            ordered = graph.execution_order(variant.nodes, map(node_of, fetches), fed)
            nesting: list[str] = []
            regions = find_regions(ordered, hints_of(variant).predicates, nesting)
            problems += nesting
            if not nesting:
                check_order(ordered, regions, problems)
        except UnsupportedGraphError as error:
            problems.append(str(error))
    return problems


def _asked_for(variant: Variant) -> tuple[list[str], set[str]]:
    fetches = [
        *variant.collection("update_ops"),
        *variant.collection("regularization_losses"),
        *variant.collection("table_initializer"),
    ]
    fed: set[str] = set()
    for signature in variant.signature_names:
        fetches += [name for info in variant.outputs(signature).values() for name in info.tensor_names]
        fed |= {node_of(name) for info in variant.inputs(signature).values() for name in info.tensor_names}
    return fetches, fed


def _unsupported_ops(nodes: Sequence[NodeDef], functions: Functions) -> Iterator[str]:
    by_type: dict[str, list[str]] = {}
    for node in nodes:
        by_type.setdefault(node.op, []).append(node.name)
    for op, names in sorted(by_type.items()):
        reason = None if op in functions else _reason(op)
        if reason is not None:
            count = "1 node," if len(names) == 1 else f"{len(names)} nodes, such as"
            yield f"the op type {op} ({count} {min(names)!r}): it {reason}"


def _reason(op: str) -> str | None:
    if op in _READ_HERE or op in op_types.TENSOR_ARRAYS:
        return None
    for pattern, reason in _REASONS.items():
        if re.fullmatch(pattern, op):
            return reason
    known = _tensorflow.op_def(op)
    if known is None:
        return f"is not known to TensorFlow {tf.__version__}; the package that defines it may have to be imported"
    if any(argument.is_ref for argument in known.input_arg):
        return "changes a ref variable in a way that tf.Variable cannot"
    return None
