"""What engines are asked: the protocol that each follows, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from tf1hub.arrays.module_code import ModuleCode, SignatureCode
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

Compute: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From the arrays behind a signature's inputs, by the names of their tensors (`"x:0"`), to those behind its outputs."""


@dataclass(eq=False)
class Request:
    """A signature that is to be run.

    Attributes:
        spec: the module.
        variant: one of its variants.
        signature: the signature's name.
        seed: for random ops; None for other numbers each time.
        threads: how many calls run at once, each of which takes one thread; None where the engine chooses.
    """

    spec: ModuleSpec
    variant: Variant
    signature: str
    seed: int | None = None
    threads: int | None = None

    @cached_property
    def module(self) -> ModuleCode:
        """The variant as programs over arrays; read once for all engines that are asked."""
        return ModuleCode(self.spec, self.variant)

    @cached_property
    def code(self) -> SignatureCode:
        """The signature as a program over arrays."""
        return self.module.signature(self.signature)


class Engine(Protocol):
    """What runs signatures. A class or a module-level object with these; `engines.py` lists them.

    Attributes:
        name: as `hub.Predictor(engine=...)` has it.
    """

    @property
    def name(self) -> str:
        """As `hub.Predictor(engine=...)` has it."""

    def not_installed(self) -> str | None:
        """What to install for it, a command; None where all is there. It imports nothing."""

    def refusals(self, request: Request) -> Sequence[str]:
        """What of a signature it cannot run, all of it, a sentence each with kinds, counts and nodes; empty if all is well."""

    def build(self, request: Request) -> Compute:
        """What runs the signature: from threads at once, with the state that it keeps between calls."""
