"""The engine that runs everywhere: NumPy."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tf1hub.arrays.randomness import Random
from tf1hub.arrays.unmet_needs import list_unmet
from tf1hub.predict.engine_request import Compute, Request

CHANGE_TABLES = frozenset(
    {
        "LookupTableInsert",
        "LookupTableInsertV2",
        "LookupTableImport",
        "LookupTableImportV2",
        "LookupTableRemoveV2",
    }
)
"""Op types that change a table while a signature runs."""


class NumpyEngine:
    """NumPy, by the table of ops."""

    name = "numpy"

    def not_installed(self) -> str | None:
        """Nothing: NumPy comes with this package."""
        return None

    def refusals(self, request: Request) -> Sequence[str]:
        """The op types that the table lacks, and packages that some need."""
        return list_unmet(request.module.library, request.code.code.program)

    def build(self, request: Request) -> Compute:
        """Runs the program of the signature anew for each call."""
        return _NumpySignature(request)


class _NumpySignature:
    """A signature on NumPy, with the variables that it writes."""

    def __init__(self, request: Request) -> None:
        self._module = request.module
        self._signature = request.code
        self._random = Random(request.seed)
        self._written: dict[str, Any] = {}
        program = request.code.code.program
        nodes = [op.node.definition for op, _ in program.ops()]
        kinds = {node.op for node in [*nodes, *request.module.functions.nodes_used(nodes)]}
        changes = bool(request.code.written) or not CHANGE_TABLES.isdisjoint(kinds)
        # What one call writes, the next one reads: such calls wait for each other.
        self._turn: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if changes else contextlib.nullcontext()
        )

    def __call__(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        signature = self._signature
        with self._turn:
            state = self._module.state(self._written)
            arguments = [feeds[name] for name in signature.arguments]
            results = self._module.run(signature.code, arguments, state, self._random)
            self._written = state.written
        return dict(zip(signature.fetches, results, strict=True))
