"""Making modules."""

from __future__ import annotations

from tf1hub.publish.module_fn import create_module_spec
from tf1hub.publish.signatures import add_signature

__all__ = ["add_signature", "create_module_spec"]
