"""A signature that is loaded and ready: its engine, its inputs and outputs, and the errors of engines turned into ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tf1hub.errors import Error, InputError, UnsupportedGraphError
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.predict.array_inputs import ArrayInterface
from tf1hub.predict.engine_request import Compute, Request
from tf1hub.predict.engines import choose_engine
from tf1hub.predict.on_numpy import CHANGE_TABLES
from tf1hub.predict.row_values import has_rows
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.undecoded_message import message_of

# RuntimeError: recursion without an end, and what compiled libraries raise.
_TRIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_OF_INPUTS = ("InvalidArgumentError", "OutOfRangeError")
_OF_MEMORY = "ResourceExhaustedError"


@dataclass(eq=False)
class LoadedSignature:
    """A signature, ready to be computed.

    Attributes:
        inputs: of the signature.
        outputs: of the signature.
        where: the signature in words, for messages.
        engine: the name of the engine that runs it.
        why: why that one, in words.
        interface: from what a caller gives to arrays.
        compute: what runs it.
        writes: whether a call reads what earlier ones wrote.
        changes: whether equal calls may give other numbers: it writes, or draws random ones.
        training: whether it is of a variant for training, where rows may depend on each other.
        batch_size: what was measured; None where nothing was yet.
        made_in: the process that loaded it; one that is forked from it has no threads of TensorFlow's.
    """

    inputs: dict[str, ParsedTensorInfo]
    outputs: dict[str, ParsedTensorInfo]
    where: str
    engine: str
    why: str
    interface: ArrayInterface
    compute: Compute
    writes: bool
    changes: bool
    training: bool
    batch_size: int | None = field(default=None)
    made_in: int = field(default_factory=os.getpid)

    @cached_property
    def is_by_rows(self) -> bool:
        """Whether, as far as types and shapes tell, each row of the outputs is computed from that of the inputs."""
        some = any(map(has_rows, self.inputs.values()))
        return some and bool(self.outputs) and all(map(has_rows, self.outputs.values()))

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs for inputs that are as the signature takes them."""
        if self.engine == "tensorflow" and os.getpid() != self.made_in:
            from tf1hub.tf2.processes import check_threads

            check_threads()
        with readable(f"The {self.where}"):
            return self.interface.results(self.compute(self.interface.feeds(values)))


def load_signature(request: Request, engine: str) -> LoadedSignature:
    """Readies a signature on an engine.

    Raises:
        UnsupportedGraphError: the engine lacks op types of it; or the graph cannot be read.
        MissingDependencyError: what the engine needs is not installed.
    """
    variant, name = request.variant, request.signature
    inputs, outputs = variant.inputs(name), variant.outputs(name)
    where = f"signature {name!r} of {variant.where}"
    with readable(f"The {where}"):
        chosen = choose_engine(request, engine)
        nodes = [op.node.definition for op, _ in request.code.code.program.ops()]
        kinds = {node.op for node in [*nodes, *request.module.functions.nodes_used(nodes)]}
    writes = bool(request.code.written) or not CHANGE_TABLES.isdisjoint(kinds)
    return LoadedSignature(
        inputs=inputs,
        outputs=outputs,
        where=where,
        engine=chosen.name,
        why=chosen.why,
        interface=ArrayInterface(inputs, outputs, name, variant.where),
        compute=chosen.compute,
        writes=writes,
        changes=writes or any(map(_draws, kinds)),
        training="train" in variant.tags,
    )


def _draws(kind: str) -> bool:
    """Whether an op type gives random numbers."""
    definition = recorded_definition(kind)
    return definition is not None and {"seed", "seed2"} <= {attr.name for attr in definition.attr}


class readable:  # noqa: N801  # used as a function is
    """Turns what engines trip over into errors of ours: a damaged graph, or an input that TensorFlow refuses.

    Args:
        where: what runs, in words.
    """

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Nothing is prepared: a call passes through here each time."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if error is None or isinstance(error, Error) or not isinstance(error, Exception):
            return
        if isinstance(error, UnicodeDecodeError):
            said = message_of(error).split("\n")[0]
            raise InputError(f"{self._where} cannot compute with what it is given: {said}") from error
        if isinstance(error, _TRIPS):
            said = f"{self._where} cannot be run: {type(error).__name__}: {error}"
            raise UnsupportedGraphError(said) from error
        # TensorFlow's errors, without importing it: they derive from Exception alone.
        names = {each.__name__ for each in type(error).__mro__ if each.__module__.startswith("tensorflow.")}
        if names.intersection(_OF_INPUTS):
            said = str(error).split("\n")[0]
            raise InputError(f"{self._where} cannot compute with what it is given: {said}") from error
        if _OF_MEMORY in names:
            raise MemoryError(f"{self._where}: {error}") from error
