"""Apache Beam: a module in `RunInference`, and on whole tables.

    import apache_beam as beam
    from apache_beam.ml.inference.base import RunInference
    import tf1hub.beam

Beam is imported when one of the names is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tf1hub.errors import MissingDependencyError

if TYPE_CHECKING:
    from tf1hub.beam.model_handler import HubModelHandler as HubModelHandler
    from tf1hub.beam.model_handler import SetupFault as SetupFault
    from tf1hub.beam.model_handler import raise_error as raise_error
    from tf1hub.beam.table_transform import PredictTables as PredictTables

_HOMES = {
    "HubModelHandler": "model_handler",
    "PredictTables": "table_transform",
    "SetupFault": "model_handler",
    "raise_error": "model_handler",
}
__all__ = ["HubModelHandler", "PredictTables", "SetupFault", "raise_error"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tf1hub.beam' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    try:
        home = importlib.import_module(f"tf1hub.beam.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("apache_beam", "pyarrow"):
            raise
        raise MissingDependencyError(
            f"tf1hub.beam.{name} needs Apache Beam, which is not installed. Install it with: pip install 'tf1hub[beam]'"
        ) from error
    return getattr(home, name)


def __dir__() -> list[str]:
    return __all__
