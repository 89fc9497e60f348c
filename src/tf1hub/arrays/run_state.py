"""What a run reads and writes beyond its inputs: variables and tables. State comes in, and state goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf1hub.errors import UnsupportedGraphError


class RunState:
    """The variables and tables of one run.

    Nothing that was given is changed: what the run writes lies in `written`.

    Args:
        values: the values of variables before the run, by node; looked up when first read.
        table: gives the table that a node makes, filled.
        written: values that stand in front of `values`.

    Attributes:
        written: the values of the variables that were written, by node.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        table: Callable[[str], Any] | None = None,
        written: Mapping[str, Any] | None = None,
    ) -> None:
        self._values = values
        self._table = table
        self.written = dict(written or {})

    def read(self, node: str) -> Any:
        """The value of a variable at this point of the run."""
        return self.written[node] if node in self.written else self._values[node]

    def write(self, node: str, value: Any) -> None:
        """Gives a variable a value."""
        self.written[node] = value

    def has(self, node: str) -> bool:
        """Whether a variable has a value."""
        return node in self.written or node in self._values

    def table(self, node: str) -> Any:
        """The table that a node makes.

        Raises:
            UnsupportedGraphError: there are no tables here.
        """
        if self._table is None:
            raise UnsupportedGraphError(f"The table {node!r} is not at hand where this program runs.")
        return self._table(node)

    def copy(self) -> RunState:
        """The same state; what is written to one is not seen in the other."""
        return RunState(self._values, self._table, self.written)
