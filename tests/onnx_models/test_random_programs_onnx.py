"""Random old programs as ONNX models give graph mode's outputs.

`TF1HUB_PROGRAMS=500 pytest tests/onnx_models/test_random_programs_onnx.py` tries more of them.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime")
pytest.importorskip("tensorflow")

from tf2 import random_programs
from tf2.old_graphs import TOLERANCE, OldGraph
from tf2.random_programs import Block
from tf2.test_random_programs import TOGETHER, X, graph_of

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.onnx.model_runner import run_in_memory
from tf1hub.onnx.signature_model import lower_signature

PROGRAMS = int(os.environ.get("TF1HUB_PROGRAMS", "20"))


@settings(
    max_examples=max(1, PROGRAMS // TOGETHER),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(random_programs.programs(), min_size=TOGETHER, max_size=TOGETHER), st.booleans())
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
