"""A spec in a tf.Graph.

Every room that runs ops stands on this one, so the packages with ops of their own, which the environment or the
configuration file names, are imported with it.
"""

from __future__ import annotations

from tf1hub.graph.evaluate import eval_function_for_module
from tf1hub.graph.module import Module
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.handles import settings

__all__ = ["Module", "eval_function_for_module"]

# Last, for a package may use this library.
import_packages(settings.imports(), "TF1HUB_IMPORTS or the configuration file")
