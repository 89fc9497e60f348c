"""hub.register_module_for_export: which modules of a graph are exported, and under which names."""

from __future__ import annotations

from typing import Any

from tf1hub.errors import ExporterError
from tf1hub.graph import Module
from tf1hub.graph.kept import keep_with


def register_module_for_export(module: Module, export_name: str) -> None:
    """Registers a module of a graph for `LatestModuleExporter` and `export_from_checkpoint`.

    Args:
        module: the module.
        export_name: name of the directory, below that of the export, into which the module is written. It
            has nothing to do with the scope of the module.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> with tf.Graph().as_default():
        ...     module = hub.Module("tests/golden/modules/half_plus_two/module")
        ...     hub.register_module_for_export(module, "half_plus_two")

    Raises:
        ExporterError: the name is taken in this graph, or cannot be that of a directory.
    """
    if not isinstance(module, Module):
        raise ExporterError(f"What is registered for export is a tf1hub.Module, not {module!r}.")
    if not isinstance(export_name, str) or export_name.startswith(".") or not export_name.strip():
        raise ExporterError(
            f"{_in_words(export_name)}; it must name a directory, and may not begin with a dot."
        )
    if set(export_name) & set("/\\\0"):
        raise ExporterError(f"{_in_words(export_name)}; it must name a single directory, without slashes.")
    names = registered_modules(module.graph)
    if export_name in names:
        raise ExporterError(
            f"{_in_words(export_name)}, which is taken by {names[export_name]!r}. "
            "Register each module of a graph under a name of its own."
        )
    names[export_name] = module


def registered_modules(graph: Any) -> dict[str, Module]:
    """The modules that were registered in a graph, by export name."""
    return keep_with(graph, "registered_modules", dict)


def _in_words(export_name: object) -> str:
    return f"The export_name is {export_name!r}"
