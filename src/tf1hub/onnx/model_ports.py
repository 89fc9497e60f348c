"""What goes into a model and comes out, by the tensors of the module's graph; a model carries it as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tf1hub.format.tensor_names import split_tensor_name
from tf1hub.program.nodes import Tensor


@dataclass
class Port:
    """A dense tensor that goes into a model, or comes out.

    Attributes:
        name: in the model.
        tensor: in the module's graph.
        part: what it is called in the signature: an input's or output's name, of a sparse or ragged one with the part;
            empty for what the host part hands to the model, or takes from it.
        is_complex: whether it is complex numbers, which the model has as pairs in a last axis of 2.
    """

    name: str
    tensor: Tensor
    part: str
    is_complex: bool = False


@dataclass
class ModelPorts:
    """All that goes in and comes out.

    Attributes:
        fed: the dense tensors of the signature's inputs.
        inputs: what the model takes: of `fed` all numbers, and what the host part computes.
        outputs: what the model gives: of the signature's outputs all that it computes, and what ops on strings take.
        fetched: the dense tensors of the signature's outputs.
        state: for each variable that a call writes its name, that of its input and that of its output.
    """

    fed: list[Port]
    inputs: list[Port]
    outputs: list[Port]
    fetched: list[Port]
    state: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def before(self) -> list[Tensor]:
        """What the host part computes before the model runs."""
        given = {port.tensor for port in self.fed}
        return [port.tensor for port in self.inputs if port.tensor not in given]

    @property
    def after(self) -> list[Tensor]:
        """What the host part computes after it: outputs that are no output of the model."""
        made = {port.tensor for port in self.outputs}
        return list(dict.fromkeys(port.tensor for port in self.fetched if port.tensor not in made))

    def to_text(self) -> str:
        """As JSON."""
        groups = {name: getattr(self, name) for name in ("fed", "inputs", "outputs", "fetched")}
        ports = {
            name: [[port.name, name_of(port.tensor), port.part, port.is_complex] for port in group]
            for name, group in groups.items()
        }
        return json.dumps({**ports, "state": self.state})

    @staticmethod
    def from_text(text: str) -> ModelPorts:
        """Of what `to_text` gave."""
        read = json.loads(text)
        groups = {
            name: [Port(port, split_tensor_name(tensor), *more) for port, tensor, *more in read[name]]
            for name in ("fed", "inputs", "outputs", "fetched")
        }
        return ModelPorts(**groups, state=[(name, before, after) for name, before, after in read["state"]])


def name_of(tensor: Tensor) -> str:
    """A tensor as graphs name it."""
    return f"{tensor[0]}:{tensor[1]}"
