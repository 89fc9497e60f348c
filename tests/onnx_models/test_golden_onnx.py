"""Golden modules as ONNX models, in a process that has no TensorFlow; each model passes ONNX's full check."""

from __future__ import annotations

import pytest
from fresh_process import printed

pytest.importorskip("onnxruntime")

CALLS = """
import sys
sys.modules["tensorflow"] = None  # importing it fails
import os, tempfile
import onnx
from golden import cases
from predict.golden_calls import check_calls
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.onnx.model_file import write_model
from tf1hub.onnx.signature_model import lower_signature
from tf1hub.spec.module_spec import load_module_spec

count = 0
for name in cases.NAMES:
    case = cases.load(name)
    spec = load_module_spec(case.path)
    for call in case.calls:
        found = lower_signature(ModuleCode(spec, spec.variant(call["tags"])), call["signature"])
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "model.onnx")
            write_model(found.model, found.constants, path)
            onnx.checker.check_model(path, full_check=True)
            domains = {each.domain for each in onnx.load(path).opset_import}
        assert domains <= {"", "ai.onnx.ml"}, domains
    count += check_calls(name, "onnx")
print(len(cases.NAMES), count)
"""


def test_every_call_of_every_golden_module_is_what_the_original_computed() -> None:
    modules, calls = map(int, printed(CALLS).split())
    assert modules >= 20
    assert calls >= 40
