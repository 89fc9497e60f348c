"""What a layer is to call, and which of the outputs to return."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tf1hub.errors import LayerError
from tf1hub.spec.inner_outputs import Outputs
from tf1hub.spec.unknown import unknown_output


@dataclass(frozen=True)
class Choice:
    """The choices of a layer's user that are not Keras's concern.

    Attributes:
        signature: the signature to call, where one is asked for.
        as_dict: whether to return all outputs of a signature.
        output_key: which output to return.
        arguments: further arguments of each call.
        outputs: tensors to return in place of the signature's outputs.
    """

    signature: str | None = None
    as_dict: bool = False
    output_key: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    outputs: Outputs | None = None

    def __post_init__(self) -> None:
        if self.outputs is not None and (self.as_dict or self.output_key is not None):
            raise LayerError(
                "outputs= says what is returned, and so do signature_outputs_as_dict= and output_key=. Give one of them."
            )
        if self.as_dict and self.output_key is not None:
            raise LayerError(
                f"signature_outputs_as_dict=True returns all outputs and output_key={self.output_key!r} one of them. "
                "Give one of the two."
            )

    def names(self, known: Collection[str], where: str) -> list[str]:
        """The outputs that are to be returned, of those that a signature has.

        Raises:
            UnknownNameError: there is no such output, or several without one being chosen.
        """
        return list(known) if self.as_dict or self.outputs is not None else [self._key(known, where)]

    def select(self, outputs: Mapping[str, Any], where: str) -> Any:
        """The output of a signature that is to be returned, or the dict of all.

        Raises:
            UnknownNameError: as for `names`.
        """
        if self.as_dict or isinstance(self.outputs, Mapping):
            return dict(outputs)
        if self.outputs is None or isinstance(self.outputs, str):
            return outputs[self._key(outputs, where)]
        return [outputs[name] for name in self.outputs]

    def _key(self, names: Collection[str], where: str) -> str:
        if self.output_key is not None:
            if self.output_key not in names:
                raise unknown_output(self.output_key, where, names)
            return self.output_key
        if "default" in names:
            return "default"
        if len(names) == 1:
            return next(iter(names))
        instead = "Choose one with output_key=..., or all with signature_outputs_as_dict=True."
        raise unknown_output("default", where, names, instead)
