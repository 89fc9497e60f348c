"""What can be asked of a module before there is a graph."""

from __future__ import annotations

from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant

__all__ = ["ModuleSpec", "ParsedTensorInfo", "Variant"]
