"""What the control flow contexts of a variant tell the decompiler."""

from __future__ import annotations

from tf1hub.format.messages_pb2 import CondContextDef, ControlFlowContextDef, WhileContextDef
from tf1hub.format.tensor_names import split_tensor_name
from tf1hub.graphdef.contexts import contexts_of
from tf1hub.program.decompile import Hints
from tf1hub.program.nodes import Tensor
from tf1hub.spec.variant import Variant


def hints_of(variant: Variant) -> Hints:
    """The predicates of all conds, and the bounds of those loops that have one.

    Raises:
        FormatError: an item of a collection is not a context.
    """
    predicates: set[Tensor] = set()
    bounds: dict[str, Tensor] = {}
    waiting: list[CondContextDef | WhileContextDef] = [context for _, context in contexts_of(variant)]
    while waiting:
        context = waiting.pop()
        if isinstance(context, CondContextDef):
            predicates.add(split_tensor_name(context.pred_name))
        elif context.maximum_iterations_name:
            bounds[context.context_name] = split_tensor_name(context.maximum_iterations_name)
        waiting.extend(_inner(nested) for nested in context.nested_contexts)
    return Hints(frozenset(predicates), bounds)


def _inner(context: ControlFlowContextDef) -> CondContextDef | WhileContextDef:
    return context.cond_ctxt if context.HasField("cond_ctxt") else context.while_ctxt
