"""Identities, checks, constants and placeholders."""

from __future__ import annotations

from typing import Any

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, by_reference, lowers
from tf1hub.onnx.traced_values import Value
from tf1hub.program.references import VariableReference


@by_reference
@lowers(
    "Identity",
    "StopGradient",
    "PreventGradient",
    "CheckNumerics",
    "CheckNumericsV2",
    "DeepCopy",
    "Snapshot",
    "RefIdentity",
    "DebugIdentity",
    "Print",
    "PlaceholderWithDefault",
    "GuaranteeConst",
)
def hand_on(call: LoweringCall, x: Any, *_: Any) -> Any:
    """The tensor itself, of a ref variable its value. Checks are left out: a model cannot stop with a message."""
    if isinstance(x, VariableReference) and x.by_value and call.kind != "RefIdentity":
        return call.scope.lowering.variable(x.node)
    return x


@lowers("IdentityN")
def hand_all_on(_: LoweringCall, *values: Value) -> list[Value]:
    """The tensors themselves."""
    return list(values)


@by_reference
@lowers("Assert", "ControlTrigger", "NoOp", "PrintV2")
def nothing(*_: Any) -> list[Any]:
    """What only checks or prints: a model cannot stop with a message."""
    return []


@lowers("Const", "HostConst")
def constant(call: LoweringCall) -> Value:
    """A constant, or the path of an asset."""
    path = call.scope.lowering.asset((call.op.node.name, 0))
    return call.graph.const(call["value"] if path is None else path)


@lowers("Placeholder", "PlaceholderV2")
def placeholder(_: LoweringCall) -> Any:
    """A placeholder that no input feeds."""
    raise CannotLower("is given by no input of the signature")
