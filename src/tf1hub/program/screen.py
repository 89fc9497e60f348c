"""Finds what cannot be traced again in a variant, before anything is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format import dtypes
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.format.saved_model import FILE_NAME, format_tags
from tf1hub.format.tensor_names import split_tensor_name, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_definitions import OpDefinitions
from tf1hub.graphdef.op_packages import where_from
from tf1hub.graphdef.walk import ancestors
from tf1hub.program.array_order import check_order
from tf1hub.program.decompile import decompile
from tf1hub.program.effects import Effects
from tf1hub.program.functions import Functions
from tf1hub.program.hints import hints_of
from tf1hub.program.nodes import Node, Tensor, execution_order
from tf1hub.program.regions import find_regions
from tf1hub.spec.variant import Variant
from tf1hub.storage import place_at
from tf1hub.trust.refusal import why_signature_is_refused, why_state_is_refused

_RUNS_PYTHON = r"PyFunc|PyFuncStateless|EagerPyFunc"
_REASONS = {
    _RUNS_PYTHON: "runs Python code of the program that made the module",
    r".*Queue.*|Barrier.*|.*ConditionalAccumulator|.*Reader(V2)?|Reader.*|Stage|Unstage|MapStage|MapUnstage": (
        "keeps data in a queue or reader, which has no counterpart inside tf.function"
    ),
    r"Iterator.*|OneShotIterator|MakeIterator|AnonymousIterator.*": "reads from an input pipeline",
    r"Stack(V2)?|StackPush(V2)?|StackPop(V2)?|StackClose(V2)?": "keeps a stack, as gradients of old loops do",
    r"TensorArray(Grad.*|Pack|Unpack|)|TensorArray(Read|Write|Gather|Scatter|Concat|Split|Size|Close)": (
        "is a TensorArray of a form that cannot be read"
    ),
    r"TemporaryVariable|DestroyTemporaryVariable|CountUpTo": "changes a variable in a way that tf.Variable cannot",
    r"SymbolicGradient|_Send|_Recv|_HostSend|_HostRecv": "cannot be written as TF2 code",
}
_REFUSED = "The variant {tags} of {module} cannot be loaded into TensorFlow 2. Its graph has:"
_ALONE = "For inference, its variant {{}} can be loaded alone: tf1hub.load({handle}, tags=[])."
_LOADER = (
    "Inference still works with TensorFlow's own loader: "
    "tf.saved_model.load({path!r}, tags={tags!r}).signatures[...]; so does tf1hub.Module in a tf.Graph."
)
_NO_LOADER = "It still works in a tf.Graph, with tf1hub.Module."
_PYTHON = (
    "A module holds no Python code: what runs it works only in the process that made the module, in a tf.Graph with "
    "tf1hub.Module."
)
_WITHOUT_PYTHON = "The signatures without Python code still work with TensorFlow's own loader: {calls}."
_READ_HERE = (
    op_types.VARIABLES
    | op_types.WRITES
    | op_types.QUESTIONS
    | op_types.TABLES
    | op_types.OLD_TABLE_OPS
    | op_types.CONTROL_FLOW
    | {"RefIdentity"}
)


@dataclass(frozen=True)
class Runtime:
    """What a program is to run on.

    Attributes:
        name: with its version, in words for messages.
        definition_of: the definitions of the ops that it has.
    """

    name: str
    definition_of: OpDefinitions


def check_supported(variants: tuple[Variant, Variant], runtime: Runtime) -> None:
    """Checks that variants can be traced again.

    Args:
        variants: for inference and for training.
        runtime: what they are to run on.

    Raises:
        UnsupportedGraphError: a graph uses constructs that cannot be read; all are listed.
    """
    found = {
        variant: problems
        for variant in dict.fromkeys(variants)
        if (problems := list_unsupported(variant, runtime))
    }
    if not found:
        return
    first = next(iter(found))
    text = _REFUSED.format(tags=format_tags(first.tags), module=first.module)
    for variant, problems in found.items():
        if variant is not first:
            text += f"\nThe graph of its variant {format_tags(variant.tags)} has:"
        text += "".join(f"\n  - {problem}" for problem in problems)
    inference, _ = variants
    known = [variant for variant in found if _is_known(variant, runtime)]
    elsewhere = list(_elsewhere(known, inference, runtime))
    if inference not in found:
        elsewhere.insert(0, _ALONE.format(handle=repr(first.module) if _is_stored(first) else "spec"))
    raise UnsupportedGraphError("\n".join([text, *elsewhere]))


def _elsewhere(refused: Sequence[Variant], inference: Variant, runtime: Runtime) -> Iterator[str]:
    """Where variants that are refused still work, in a sentence or two."""
    without_python = {variant: _without_python(variant, runtime) for variant in refused}
    if not refused:
        return
    first = refused[0]
    if all(names == variant.signature_names for variant, names in without_python.items()):
        by_loader = (
            first is inference and _is_stored(first) and _harmless(first) == list(first.signature_names)
        )
        yield _LOADER.format(path=first.module, tags=sorted(first.tags)) if by_loader else _NO_LOADER
        return
    yield _PYTHON
    calls = [
        f"tf.saved_model.load({variant.module!r}, tags={sorted(variant.tags)!r}).signatures[{name!r}]"
        for variant, names in without_python.items()
        for name in _harmless(variant)
        if name in names
    ]
    if calls and _is_stored(first):
        yield _WITHOUT_PYTHON.format(calls=", ".join(calls))


def _harmless(variant: Variant) -> list[str]:
    """The signatures for which a message may advise TensorFlow's own loader, which refuses nothing that is harmful."""
    if why_state_is_refused(variant, True):
        return []
    return [name for name in variant.signature_names if not why_signature_is_refused(variant, name)]


def _is_stored(variant: Variant) -> bool:
    """Whether others can load the module; a definition that lies nowhere is called by what made it."""
    return place_at(variant.module).exists(FILE_NAME)


def _is_known(variant: Variant, runtime: Runtime) -> bool:
    """Whether TensorFlow can import the graph, all of which it does for any part."""
    functions = Functions(variant.meta_graph.graph_def.library, runtime.definition_of)
    nodes = [*variant.nodes.values(), *functions.nodes_used(variant.nodes.values())]
    return all(node.op in functions or runtime.definition_of(node.op) is not None for node in nodes)


def _without_python(variant: Variant, runtime: Runtime) -> list[str]:
    """The signatures that run no Python code of the program that made them."""
    functions = Functions(variant.meta_graph.graph_def.library, runtime.definition_of)
    names: list[str] = []
    for signature in variant.signature_names:
        outputs = [name for info in variant.outputs(signature).values() for name in info.tensor_names]
        nodes = [
            variant.nodes[name]
            for name in ancestors(variant.nodes, outputs, _fed_tensors(variant, signature))
        ]
        if not any(re.fullmatch(_RUNS_PYTHON, node.op) for node in [*nodes, *functions.nodes_used(nodes)]):
            names.append(signature)
    return names


def list_unsupported(variant: Variant, runtime: Runtime) -> list[str]:
    """What cannot be traced again in a variant, a sentence for each; empty if there is nothing."""
    fetches, fed = _fetches_and_feeds(variant)
    used = ancestors(variant.nodes, fetches, fed)
    nodes = [variant.nodes[name] for name in used]
    functions = Functions(variant.meta_graph.graph_def.library, runtime.definition_of)
    in_functions = list(functions.nodes_used(nodes))
    problems = list(_unsupported_ops([*nodes, *in_functions], functions, runtime))
    problems += _state_of_functions(in_functions)
    if not problems:
        problems += _unreadable_functions(functions, nodes)
    if any(node.op in op_types.CONTROL_FLOW or node.op in op_types.TENSOR_ARRAYS for node in nodes):
        problems += _unreadable_control_flow(variant, fetches, fed, functions.effects)
    return problems


def _unreadable_control_flow(
    variant: Variant, fetches: list[str], fed: Collection[str], effects: Effects
) -> list[str]:
    problems: list[str] = []
    hints = hints_of(variant)
    wanted, given = [split_tensor_name(name) for name in fetches], {split_tensor_name(name) for name in fed}
    try:
        ordered = execution_order(variant.nodes, wanted, (), given)
        regions = find_regions(ordered, hints.predicates, problems)
        if problems:
            return problems
        problems += _choices_between_references(ordered)
        check_order(ordered, regions, problems)
        in_loops = {name for name, path in regions.paths.items() if any(step[0].is_loop for step in path)}
        if not problems and any(effects.runs_once(ordered[name].definition) for name in in_loops):
            # Reading it whole takes a while, and finds only what such ops can do wrong.
            decompile(variant.nodes, [], effects, [name for name, _ in wanted], given, hints)
    except UnsupportedGraphError as error:
        problems.append(str(error))
    return problems


def _choices_between_references(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Merges of different variables, tables or TensorArrays, which here are Python objects."""
    for node in nodes.values():
        if node.op in op_types.MERGES and _is_of_references(node):
            behind = sorted(_makers(nodes, (node.name, 0)))
            if len(behind) > 1:
                yield (
                    f"The node {node.name!r} ({node.op}) chooses between different variables, tables or "
                    f"TensorArrays: {', '.join(map(repr, behind))}."
                )


def _is_of_references(node: Node) -> bool:
    return node.op.startswith("Ref") or node.definition.attr["T"].type == dtypes.RESOURCE


def _makers(nodes: Mapping[str, Node], reference: Tensor) -> set[str]:
    """The nodes that a reference may come from, through control flow and identities."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [reference[0]]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = nodes.get(name)
        if node is not None and node.op in op_types.MERGES:
            waiting.extend(source for source, _ in node.inputs)
        elif node is not None and node.op in _HAND_ON:
            waiting.append(node.inputs[0][0])
        else:
            found.add(name)
    return found


_HAND_ON = (
    op_types.SWITCHES
    | op_types.ENTERS
    | op_types.EXITS
    | op_types.NEXT_ITERATIONS
    | op_types.REF_WRITES
    | op_types.IDENTITIES
)


def _unreadable_functions(functions: Functions, nodes: Iterable[NodeDef]) -> Iterator[str]:
    for name in functions.list_called(nodes):
        try:
            functions.body(name)
        except UnsupportedGraphError as error:
            yield f"the function {name!r}: {error}"


def _state_of_functions(nodes: Iterable[NodeDef]) -> Iterator[str]:
    by_type: dict[str, list[str]] = {}
    for node in nodes:
        if node.op in op_types.VARIABLES | op_types.TABLES:
            by_type.setdefault(node.op, []).append(node.name)
    yield from _list_nodes(by_type, lambda _: "lies in a function, where it makes state of its own")


def _fetches_and_feeds(variant: Variant) -> tuple[list[str], set[str]]:
    fetches = [
        *variant.collection("update_ops"),
        *variant.collection("regularization_losses"),
        *variant.collection("table_initializer"),
    ]
    fed: set[str] = set()
    for signature in variant.signature_names:
        fetches += [name for info in variant.outputs(signature).values() for name in info.tensor_names]
        fed |= _fed_tensors(variant, signature)
    return fetches, fed


def _fed_tensors(variant: Variant, signature: str) -> set[str]:
    return {tensor_name(name) for info in variant.inputs(signature).values() for name in info.tensor_names}


def _unsupported_ops(nodes: Sequence[NodeDef], functions: Functions, runtime: Runtime) -> Iterator[str]:
    by_type: dict[str, list[str]] = {}
    for node in nodes:
        by_type.setdefault(node.op, []).append(node.name)
    yield from _list_nodes(by_type, lambda op: None if op in functions else _reason(op, runtime))


def _list_nodes(by_type: Mapping[str, list[str]], reason_of: Callable[[str], str | None]) -> Iterator[str]:
    for op, names in sorted(by_type.items()):
        reason = reason_of(op)
        if reason is not None:
            count = "1 node," if len(names) == 1 else f"{len(names)} nodes, such as"
            yield f"the op type {op} ({count} {min(names)!r}): it {reason}"


def _reason(op: str, runtime: Runtime) -> str | None:
    if op in _READ_HERE or op in op_types.TENSOR_ARRAYS:
        return None
    for pattern, reason in _REASONS.items():
        if re.fullmatch(pattern, op):
            return reason
    known = runtime.definition_of(op)
    if known is None:
        advice = where_from([op]) or "the package that defines it may have to be imported"
        return f"is not known to {runtime.name}; {advice}"
    takes_functions = any(attr.type in ("func", "list(func)") for attr in known.attr)
    if takes_functions and op not in op_types.FUNCTIONAL and not op_types.RUN_FUNCTIONS.fullmatch(op):
        return "runs functions of the graph in a way that cannot be written as TF2 code"
    if any(argument.is_ref for argument in known.input_arg):
        return "changes a ref variable in a way that tf.Variable cannot"
    return None
