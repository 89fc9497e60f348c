"""Making modules."""

from __future__ import annotations

from tf1hub.publish.attachments import attach_image_module_info, attach_message
from tf1hub.publish.module_fn import create_module_spec
from tf1hub.publish.signatures import add_signature

__all__ = ["add_signature", "attach_image_module_info", "attach_message", "create_module_spec"]
