"""Random old programs on NumPy and, under `jit`, on JAX give graph mode's outputs and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tf2.many_programs import PHASES, X, graph_of, over_programs
from tf2.old_graphs import TOLERANCE, OldGraph
from tf2.random_programs import Block

from tf1hub.arrays.module_code import ModuleCode
from tf1hub.predict.jax_function import JaxFunction

jax = pytest.importorskip("jax")


@over_programs(40, PHASES)
def test_random_programs_give_graph_modes_numbers_and_gradients(blocks: list[Block], resource: bool) -> None:
    old = OldGraph(graph_of(blocks, resource))
    spec = old.spec
    module = ModuleCode(spec, spec.variant())
    signature = module.signature()
    function = JaxFunction(spec, spec.variant(), "default", False)
    names = sorted(old.outputs)

    def loss_of(params: Any, x: Any) -> Any:
        outputs = function(params, x)
        return sum((outputs[name] ** 2).sum() for name in names), outputs

    with_gradients = jax.value_and_grad(loss_of, has_aux=True)

    def differentiate(params: Any, x: Any) -> Any:
        try:
            return jax.jit(with_gradients)(params, x)
        except ValueError as error:
            if "Reverse-mode differentiation does not work" not in str(error):
                raise
            # A loop that nothing bounds before it runs: JAX differentiates it where it is not compiled.
            return with_gradients(params, x)

    for x in (X, -0.5 * X):
        outputs, gradients, params = old.run({"x": x})
        found = module.run(signature.code, [x], module.state(params))
        of_numpy = dict(zip(signature.fetches, found, strict=True))
        (_, of_jax), gradients_of_jax = differentiate(params, x)
        for name in names:
            tensor = old.outputs[name].name
            np.testing.assert_allclose(of_numpy[tensor], outputs[name], **TOLERANCE)
            np.testing.assert_allclose(of_jax[name], outputs[name], **TOLERANCE)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradients_of_jax[name], gradient, **TOLERANCE)
