"""The NumPy engine, in a process that cannot import TensorFlow: see tests/package for all golden modules."""

from __future__ import annotations

import numpy as np
from golden import cases

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.spec.module_spec import load_module_spec


def test_a_signature_runs_as_a_program_over_arrays() -> None:
    case = cases.load("half_plus_two")
    spec = load_module_spec(case.path)
    module = ModuleCode(spec, spec.variant())
    signature = module.signature()
    assert module.library.missing(signature.code.program) == {}
    assert signature.read == {"a", "b"}
    assert signature.written == frozenset()
    (result,) = module.run(signature.code, [np.array([[1.0], [2.0]], np.float32)])
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[2.5], [3.0]])
