"""What a layer is to call, and which of the outputs to return."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tf1hub.errors import LayerError
from tf1hub.spec.unknown import unknown_output


@dataclass(frozen=True)
class Choice:
    """The choices of a layer's user that are not Keras's concern.

    Attributes:
        signature: the signature to call, where one is asked for.
        as_dict: whether to return all outputs of a signature.
        output_key: which output to return.
        arguments: further arguments of each call.
    """

    signature: str | None = None
    as_dict: bool = False
    output_key: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.as_dict and self.output_key is not None:
            raise LayerError(
                f"signature_outputs_as_dict=True returns all outputs and output_key={self.output_key!r} one of them. "
                "Give one of the two."
            )

    def names(self, known: Collection[str], place: str) -> list[str]:
        """The outputs that are to be returned, of those that a signature has.

        Raises:
            UnknownNameError: there is no such output, or several without one being chosen.
        """
        return list(known) if self.as_dict else [self._key(known, place)]

    def select(self, outputs: Mapping[str, Any], place: str) -> Any:
        """The output of a signature that is to be returned, or the dict of all.

        Raises:
            UnknownNameError: as for `names`.
        """
        return dict(outputs) if self.as_dict else outputs[self._key(outputs, place)]

    def _key(self, names: Collection[str], place: str) -> str:
        if self.output_key is not None:
            if self.output_key not in names:
                raise unknown_output(self.output_key, place, names)
            return self.output_key
        if "default" in names:
            return "default"
        if len(names) == 1:
            return next(iter(names))
        instead = "Choose one with output_key=..., or all with signature_outputs_as_dict=True."
        raise unknown_output("default", place, names, instead)
