"""The engine on JAX: compiled by XLA for the machine that it runs on."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tf1hub.errors import InputError, UnsupportedGraphError
from tf1hub.predict.engine_request import Compute, Request
from tf1hub.predict.jax_function import JaxFunction
from tf1hub.predict.on_numpy import CHANGE_TABLES, NumpyEngine


class JaxEngine:
    """JAX, by the table of ops, under `jit`; what text and tables need runs in NumPy before."""

    name = "jax"

    def not_installed(self) -> str | None:
        """The command that installs JAX, where it is missing."""
        return None if importlib.util.find_spec("jax") else "pip install 'tf1hub[jax]'"

    def refusals(self, request: Request) -> Sequence[str]:
        """The op types that the table lacks, and tables that change while a signature runs."""
        faults = list(NumpyEngine().refusals(request))
        nodes = [op.node.definition for op, _ in request.code.code.program.ops()]
        kinds = {node.op for node in [*nodes, *request.module.functions.nodes_used(nodes)]}
        faults += [f"the op type {kind}, which changes a table" for kind in sorted(kinds & CHANGE_TABLES)]
        return faults

    def build(self, request: Request) -> Compute:
        """Compiles the signature for the shapes of each call."""
        return _JaxSignature(request)


class _JaxSignature:
    """A signature on JAX, with the variables that it writes. Inside, JAX keeps all 64 bits."""

    def __init__(self, request: Request) -> None:
        import jax

        self._code = request.code
        self._function = JaxFunction(request.spec, request.variant, request.signature, training=False)
        self._compute: Callable[..., Any] = jax.jit(self._compile)
        seed = np.random.SeedSequence().generate_state(1)[0] if request.seed is None else request.seed
        with _all_bits():
            self._params = self._function.initial_params()
            self._key = jax.random.key(int(seed))
        self._keys = threading.Lock()
        # What one call writes, the next one reads: such calls wait for each other.
        self._turn: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if self._function.written else contextlib.nullcontext()
        )

    def __call__(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        import jax

        with _all_bits():
            with self._keys:
                self._key, key = jax.random.split(self._key)
            prepared = self._function.prepare_arrays(feeds)
            with self._turn:
                results, written = self._compute_results(self._params, prepared, key)
                self._params = {**self._params, **written}
            return {
                name: prepared.fixed[name] if value is None else np.asarray(value)
                for name, value in zip(self._code.fetches, results, strict=True)
            }

    def _compile(self, *given: Any) -> Any:
        """What JAX compiles: it has no texts, those that a loop gives neither."""
        results, written = self._function.compute(*given)
        if any(value is not None and value.dtype == object for value in results):
            raise UnsupportedGraphError("A signature whose loops give texts is computed op by op.")
        return results, written

    def _compute_results(self, *given: Any) -> Any:
        """The results, compiled; op by op where values decide shapes, so that JAX cannot compile the signature."""
        try:
            return self._compute(*given)
        except (InputError, UnsupportedGraphError):
            if self._compute == self._function.compute:
                raise
        results = self._function.compute(*given)
        self._compute = self._function.compute
        return results


def _all_bits() -> contextlib.AbstractContextManager[Any]:
    """A context in which JAX keeps integers and floating-point numbers of 64 bits."""
    import jax

    if hasattr(jax, "enable_x64"):
        return cast(contextlib.AbstractContextManager[Any], jax.enable_x64(True))
    from jax.experimental import enable_x64

    return cast(contextlib.AbstractContextManager[Any], enable_x64(True))
