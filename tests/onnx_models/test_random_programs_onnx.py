"""Random old programs as ONNX models give graph mode's outputs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("tensorflow")

from tf2.many_programs import PHASES, X, graph_of, over_programs
from tf2.old_graphs import TOLERANCE, OldGraph
from tf2.random_programs import Block

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.onnx.model_runner import run_in_memory
from tf1hub.onnx.signature_model import lower_signature


@over_programs(20, PHASES)
def test_random_programs_give_graph_modes_numbers(blocks: list[Block], resource: bool) -> None:
    old = OldGraph(graph_of(blocks, resource))
    for x in (X, -0.5 * X):
        outputs, _, params = old.run({"x": x})
        module = ModuleCode(old.spec, old.spec.variant())
        module.values = params  # those of the session, in place of a checkpoint's
        (port,) = (model := lower_signature(module)).ports.fed
        found = run_in_memory(model)({f"{port.tensor[0]}:{port.tensor[1]}": x})
        for name, tensor in old.outputs.items():
            np.testing.assert_allclose(found[tensor.name], outputs[name], **TOLERANCE)
