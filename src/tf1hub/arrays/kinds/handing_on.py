"""Constants, identities, and ops that only order or watch others."""

from __future__ import annotations

from typing import Any

from tf1hub.arrays.op_attributes import Attributes
from tf1hub.arrays.op_table import computes, performs
from tf1hub.errors import CheckFailedError
from tf1hub.program.references import VariableReference


@computes("Const", "HostConst")
def constant(xp: Any, attributes: Attributes) -> list[Any]:
    """A constant; of an asset its path."""
    return [attributes["value"]]


@computes(
    "PreventGradient", "Snapshot", "PlaceholderWithDefault", "EnsureShape", "GuaranteeConst", "DeepCopy"
)
def identity(xp: Any, attributes: Attributes, x: Any) -> list[Any]:
    """The input. What is fed to a PlaceholderWithDefault is given before anything runs."""
    return [x]


@computes("IdentityN")
def identities(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """The inputs."""
    return list(inputs)


@performs("Identity")
def read_identity(run: Any, step: Any, x: Any) -> list[Any]:
    """The input; of a ref variable its value at this point."""
    return [run.state.read(x.node) if type(x) is VariableReference and x.by_value else x]


@performs("RefIdentity")
def reference_identity(run: Any, step: Any, x: Any) -> list[Any]:
    """The reference."""
    return [x]


@computes("NoOp", "ControlTrigger", "Print", "PrintV2", "ScalarSummary", "HistogramSummary")
def nothing(xp: Any, attributes: Attributes, *inputs: Any) -> list[Any]:
    """No values; Print hands on its first input and prints nothing."""
    return list(inputs[:1])


@performs("Placeholder", "PlaceholderV2")
def placeholder(run: Any, step: Any) -> list[Any]:
    """A placeholder that nothing feeds.

    Raises:
        CheckFailedError: always.
    """
    raise CheckFailedError(f"The placeholder {step.name!r} is given no value.")


@performs("Assert")
def check(run: Any, step: Any, condition: Any, *data: Any) -> list[Any]:
    """An assertion of the graph; nothing where it cannot be known yet.

    Raises:
        CheckFailedError: it does not hold.
    """
    if run.backend.is_known(condition) and not condition:
        shown = ", ".join(_show(item, step.attributes.get("summarize", 3)) for item in map(run.read, data))
        raise CheckFailedError(f"The assertion {step.name!r} of the graph does not hold: {shown}")
    return []


def _show(value: Any, count: int) -> str:
    if not hasattr(value, "reshape"):
        return str(value)
    flat = value.reshape(-1).tolist()
    items = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in flat]
    more = "..." if len(items) > count >= 0 else ""
    text = " ".join(items if count < 0 else items[:count])
    return text + more if value.ndim == 0 else f"[{text}{more}]"


@performs("CheckNumerics", "CheckNumericsV2")
def check_numbers(run: Any, step: Any, x: Any) -> list[Any]:
    """The input.

    Raises:
        CheckFailedError: an element is infinite or no number.
    """
    x = run.read(x)
    if run.backend.is_known(x):
        xp = run.backend.namespace([x])
        faults = [word for word, test in (("NaN", xp.isnan), ("Inf", xp.isinf)) if bool(test(x).any())]
        if faults:
            message = step.attributes.get("message", "")
            raise CheckFailedError(
                f"The node {step.name!r} (CheckNumerics) was given {' and '.join(faults)}: {message}"
            )
    return [x]
