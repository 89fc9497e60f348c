"""A variant that is there, and that cannot be loaded."""

from __future__ import annotations

from typing import NoReturn

from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import MetaGraphDef
from tf1hub.spec.variant import Variant


class RefusedVariant(Variant):
    """Stands for a variant of which nothing is loaded: it has no graph, and any signature that is asked for is an error.

    Args:
        variant: the variant.
        reason: why it is not loaded, in words for the caller.
    """

    def __init__(self, variant: Variant, reason: str) -> None:
        super().__init__(MetaGraphDef(meta_info_def=variant.meta_graph.meta_info_def), variant.module)
        self.reason = reason

    def _known(self, signature: str | None) -> NoReturn:
        del signature
        raise UnsupportedGraphError(self.reason)
