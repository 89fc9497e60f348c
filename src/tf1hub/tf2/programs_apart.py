"""What `tf1hub.convert` has TensorFlow save: functions that do not hold the variables which they use.

A restored module is called in many ways: each signature for inference and training, with a dict or a single input,
for a dict or a single output, by serving tools. For each, TensorFlow saves a function of its own around the same
program, and in tracing and saving one takes a millisecond for each variable that the program uses. So the functions
around programs are traced without variables, and `saved_captures` gives them these in what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import in_current_graph, read_only_inputs
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import Variant
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.saved_losses import SavedLosses
from tf1hub.tf2.saving import interface
from tf1hub.tf2.serving import flat_function
from tf1hub.tf2.shared_programs import names_in, program_signature


class SavedProgram:
    """A program, called without the variables that it uses.

    Args:
        function: the ConcreteFunction.
        handles: `id`s of the handles of variables.
    """

    def __init__(self, function: Any, handles: set[int]) -> None:
        self.function = function
        self.left_out = [
            index for index, capture in enumerate(function.captured_inputs) if id(capture) in handles
        ]
        self.read_only = read_only_inputs(function)

    @property
    def name(self) -> str:
        """The function's name where it is saved."""
        return name_of(self.function)

    @property
    def stand_in(self) -> str:
        """The name that is called instead while it is saved."""
        return f"{self.name}_apart"

    def __call__(self, given: Sequence[Any]) -> list[Any]:
        """Emits the call, from dense tensors to dense tensors."""
        left_out = set(self.left_out)
        captures = [
            in_current_graph(capture)
            for index, capture in enumerate(self.function.captured_inputs)
            if index not in left_out
        ]
        # What was differentiated has further outputs in its graph, behind those of the function.
        count = len(tf.nest.flatten(self.function.structured_outputs, expand_composites=True))
        inside = self.function.graph.outputs[:count]
        types = [output.dtype for output in inside]
        # Of a function that TensorFlow knows it asks for all arguments at once.
        called = tf.raw_ops.StatefulPartitionedCall(args=[*given, *captures], Tout=types, f=self.stand_in)
        # A call of what gives nothing is an op.
        outputs = list(called) if types else []
        for output, inner in zip(outputs, inside, strict=True):
            output.set_shape(inner.shape)
        return outputs


class Saved(tf.Module):
    """The object that TensorFlow saves.

    Args:
        parts: what it consists of.
    """

    def __init__(self, parts: ProgramsApart) -> None:
        super().__init__()
        self._parts = parts

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        del save_type, kwargs
        return self._parts.children()


class ProgramsApart:
    """A loaded module as `tf1hub.convert` has it saved.

    It is no trackable object, as `CallableVariants` is none.

    Args:
        callables: the variants of the loaded module.

    Attributes:
        losses: the regularization losses, once the module has been saved.
    """

    losses: SavedLosses

    def __init__(self, callables: CallableVariants) -> None:
        self._callables = callables
        self._handles = {id(variable.handle) for variable in callables.resources.variables.values()}
        self._programs: dict[Any, SavedProgram] = {}
        self._shared: dict[Any, str] = {}
        self._served: dict[str, Any] = {}
        self._children: dict[str, Any] | None = None

    @property
    def programs(self) -> list[SavedProgram]:
        """All programs, once the module has been saved."""
        return list(self._programs.values())

    @property
    def served(self) -> Mapping[str, str]:
        """For each signature that is served, the name of its function, once the module has been saved."""
        return {signature: name_of(function) for signature, function in self._served.items()}

    def serve(self, signature: str) -> Any:
        """A ConcreteFunction from dense tensors by keyword, as `serving_function` gives it; one for each signature."""
        if signature not in self._served:
            self._served[signature] = self._serve(signature)
        return self._served[signature]

    def _serve(self, signature: str) -> Any:
        variant = self._callables.inference.variant

        def run(given: dict[str, Any]) -> Mapping[str, Any]:
            return self._run(given, False, signature)

        return flat_function(run, variant.inputs(signature), variant.outputs(signature))

    def _run(self, given: Mapping[str, Any], training: bool, signature: str) -> dict[str, Any]:
        variant = self._callables.state(training).variant
        wide = self._program_signature(variant, signature)
        names = names_in(variant.inputs(wide), variant.inputs(signature))
        taken = {name: given[found] for name, found in names.items()}
        flat = self._program(training, wide)(tf.nest.flatten(taken, expand_composites=True))
        infos = variant.outputs(wide)
        outputs = tf.nest.pack_sequence_as(_types(infos), flat, expand_composites=True)
        return {name: outputs[found] for name, found in names_in(variant.outputs(signature), infos).items()}

    def _program_signature(self, variant: Variant, signature: str) -> str:
        key = variant.tags, signature
        if key not in self._shared:
            self._shared[key] = program_signature(variant, signature)
        return self._shared[key]

    def _apply(self, inputs: Any, training: bool, signature: str) -> dict[str, Any]:
        return self._run(self._callables.interface(signature, training).convert(inputs), training, signature)

    def _program(self, training: bool, signature: str) -> SavedProgram:
        variant = self._callables.state(training).variant
        function = self._callables.function(signature, training)
        key = variant.tags, function is not self._callables.function(signature, False), signature
        if key not in self._programs:
            with tf.init_scope():
                self._programs[key] = SavedProgram(function.get_concrete_function(), self._handles)
        return self._programs[key]

    def children(self) -> dict[str, Any]:
        """What to track, by name."""
        if self._children is None:
            self._children = self._build()
        return self._children

    def _build(self) -> dict[str, Any]:
        callables = self._callables
        self.losses = SavedLosses(callables)
        children = interface(callables, self._apply, self.losses.functions)
        # Last, for they are made when they are first used.
        children.update({f"program/{index}": each.function for index, each in enumerate(self.programs)})
        resources = callables.resources
        children.update({f"asset/{name}": asset for name, asset in resources.assets.items()})
        children.update({f"table/{name}": table for name, table in resources.tables.items()})
        return children


def name_of(function: Any) -> str:
    """What a ConcreteFunction is called where it is saved."""
    name = function.name
    return name.decode() if isinstance(name, bytes) else str(name)


def _types(infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any]:
    return {name: info.type_spec for name, info in infos.items()}
