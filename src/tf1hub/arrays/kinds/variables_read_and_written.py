"""Variables: what holds them, reads them and writes them."""

from __future__ import annotations

from typing import Any

from tf1hub.arrays.op_table import kernels_by_op, performs
from tf1hub.graphdef import op_types
from tf1hub.program.references import VariableReference


@performs(*op_types.RESOURCE_VARIABLES)
def resource_variable(run: Any, step: Any) -> list[Any]:
    """VarHandleOp: the variable itself."""
    return [VariableReference(step.name, by_value=False)]


@performs(*op_types.REF_VARIABLES)
def ref_variable(run: Any, step: Any) -> list[Any]:
    """Variable, VariableV2: a reference, whose value ordinary ops take."""
    return [VariableReference(step.name, by_value=True)]


@performs("ReadVariableOp")
def read(run: Any, step: Any, variable: Any) -> list[Any]:
    """The value at this point of the run."""
    return [run.state.read(variable.node)]


@performs("VariableShape")
def shape(run: Any, step: Any, variable: Any) -> list[Any]:
    """The shape as a vector of `out_type`."""
    import numpy as np

    return [np.array(run.state.read(variable.node).shape, step.attributes["out_type"])]


@performs(*op_types.QUESTIONS)
def has_value(run: Any, step: Any, variable: Any) -> list[Any]:
    """VarIsInitializedOp, IsVariableInitialized."""
    return [run.state.has(variable.node)]


@performs("ResourceGather")
def gather(run: Any, step: Any, variable: Any, indices: Any) -> list[Any]:
    """Some rows of a variable, as Gather."""
    return _as_op(
        run, "GatherV2", step.attributes, run.state.read(variable.node), run.read(indices), _axis(step)
    )


def _axis(step: Any) -> Any:
    import numpy as np

    return np.int32(step.attributes.get("batch_dims", 0))


@performs("ResourceGatherNd")
def gather_nd(run: Any, step: Any, variable: Any, indices: Any) -> list[Any]:
    """Some elements of a variable, as GatherNd."""
    return _as_op(run, "GatherNd", step.attributes, run.state.read(variable.node), run.read(indices))


def _as_op(run: Any, kind: str, attributes: Any, *inputs: Any) -> list[Any]:
    """What another op of the table computes."""
    kernel = kernels_by_op()[kind]
    return list(kernel.function(run.backend.namespace(inputs), attributes, *inputs))


@performs(*op_types.WRITES)
def write(run: Any, step: Any, variable: Any, *inputs: Any) -> list[Any]:
    """All ops that assign to a variable or to parts of it."""
    kind = step.kind.removeprefix("Resource").removesuffix("VariableOp")
    values = [run.read(value) for value in inputs]
    if kind == "Assign":
        new = values[0]
    else:
        old = run.state.read(variable.node)
        if kind in ("AssignAdd", "AssignSub"):
            new = old + values[0] if kind == "AssignAdd" else old - values[0]
        else:
            twin = kind.replace("ScatterNd", "TensorScatter") if kind.startswith("ScatterNd") else None
            new = _scatter_nd(run, twin, old, *values) if twin else _scatter(run, kind, old, *values)
    run.state.write(variable.node, new)
    return [variable] if step.kind in op_types.REF_WRITES else []


def _scatter_nd(run: Any, twin: str, old: Any, indices: Any, updates: Any) -> Any:
    return _as_op(run, twin, {}, old, indices, updates)[0]


_AT = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Min": "minimum",
    "Max": "maximum",
}


def _scatter(run: Any, kind: str, old: Any, indices: Any, updates: Any) -> Any:
    """Rows of `old` changed by `updates`, which has the shape of `indices` before that of a row, or is a scalar."""
    import numpy as np

    xp = run.backend.namespace([old, indices, updates])
    how = kind.removeprefix("Scatter")
    updates = xp.broadcast_to(updates, (*indices.shape, *old.shape[1:]))
    if xp is np:
        new = np.array(old)
        if how == "Update":
            new[indices] = updates
        elif how == "Div":
            (np.divide if new.dtype.kind == "f" else np.floor_divide).at(new, indices, updates)
        else:
            getattr(np, _AT[how]).at(new, indices, updates)
        return new
    at = xp.asarray(old).at[indices]
    method = {"Update": "set", "Sub": "add", "Mul": "multiply", "Div": "divide"}.get(how, how.lower())
    return getattr(at, method)(-updates if how == "Sub" else updates)
