"""Which function writes down which op types; all others are ordinary ops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from tf1hub.program.code import Op
from tf1hub.tf2.emit.scope import Scope

Emitter: TypeAlias = Callable[[Scope, Op], None]

FUNCTION_NAME = "the name of a function"
"""Stands for all op types that are no ops: old graphs call a function by using its name as one."""

_EMITTERS: dict[str, Emitter] = {}


def emits(op_types: Iterable[str]) -> Callable[[Emitter], Emitter]:
    """Says that a function writes down these op types."""

    def register(emitter: Emitter) -> Emitter:
        _EMITTERS.update(dict.fromkeys(op_types, emitter))
        return emitter

    return register


def emitter_of(scope: Scope, op: Op) -> Emitter | None:
    """What writes an op down; None for an ordinary op."""
    kind = op.node.op
    if kind in _EMITTERS:
        return _EMITTERS[kind]
    return _EMITTERS[FUNCTION_NAME] if kind in scope.trace.state.functions else None


def emitted_types() -> frozenset[str]:
    """The op types that something here writes down."""
    return frozenset(_EMITTERS) - {FUNCTION_NAME}
