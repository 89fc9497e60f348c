"""What a form cannot take, and how that is said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.program.screen import Runtime, list_unsupported
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant


def program_refusals(variants: Sequence[Variant]) -> list[Refusal]:
    """What of a module cannot be read as a program; no TensorFlow, but its ops if it is there."""
    runtime = Runtime("TensorFlow", _definition_of)
    found = [problem for variant in dict.fromkeys(variants) for problem in list_unsupported(variant, runtime)]
    return [Refusal(problem) for problem in dict.fromkeys(found)]


def _definition_of(op: str) -> Any:
    if "tensorflow" not in sys.modules:
        return recorded_definition(op)
    from tf1hub._tensorflow import op_def

    return op_def(op)


def refusals_of_each(
    variant: Variant, names: Iterable[str], refusals_of: Callable[[str], list[Refusal]]
) -> list[Refusal]:
    """What a form cannot take of signatures, one by one.

    Of those that compute the same tensors from the same ones, and differ in names alone, one answers for all that it is
    taken: many modules give their default signature a second name.

    Args:
        variant: the variant.
        names: the signatures.
        refusals_of: what the form cannot take of one.
    """
    found: list[Refusal] = []
    taken: set[tuple[frozenset[str], ...]] = set()
    for name in names:
        tensors = tuple(
            frozenset(tensor for info in infos.values() for tensor in info.tensor_names)
            for infos in (variant.inputs(name), variant.outputs(name))
        )
        if tensors in taken:
            continue
        refused = refusals_of(name)
        found += refused
        if not refused:
            taken.add(tensors)
    return found


class RefusedError(Exception):
    """What `Form.write` finds that the form cannot take, where only the work tells.

    Args:
        refusals: all of it.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.refusals = tuple(refusals)


def refuse(module: str, form: str, refusals: Iterable[Refusal], others: Sequence[str]) -> str:
    """All refusals as one message.

    Args:
        module: the module in words.
        form: the name of the form.
        refusals: what it cannot take.
        others: the names of the forms that do take the module.
    """
    text = f"{module} cannot be converted to {form!r}:"
    text += "".join(f"\n  - {refusal}" for refusal in refusals)
    return f"{text}\nForms that take it: {', '.join(map(repr, others)) or 'none'}."
