"""What signatures take in words, and what is wrong with what a caller gives: the same at every door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf1hub.errors import InputError
from tf1hub.spec.tensor_info import ParsedTensorInfo


def check_names(
    inputs: Any, infos: Mapping[str, ParsedTensorInfo], signature: str, where: str
) -> dict[str, Any]:
    """The inputs of one application as a dict that has exactly the signature's names.

    Raises:
        InputError: an input is missing or extra.
    """
    given = _as_dict(inputs, infos)
    if given is None or given.keys() != infos.keys():
        raise InputError(_mismatch(given, infos, signature, where))
    return given


def describe(infos: Mapping[str, ParsedTensorInfo]) -> str:
    """The inputs or outputs of a signature in one line."""
    return ", ".join(f"{name!r}: {info.describe()}" for name, info in infos.items()) or "none"


def wrong_input(name: str, info: ParsedTensorInfo, signature: str, where: str, given: str) -> str:
    """The message about an input of another type or shape; `given` is what it was, in words."""
    return (
        f"The input {name!r} of the signature {signature!r} of {where} is {info.describe()}; "
        f"it was given {given}."
    )


def _as_dict(inputs: Any, infos: Mapping[str, ParsedTensorInfo]) -> dict[str, Any] | None:
    if inputs is None:
        return {}
    if type(inputs) is dict or isinstance(inputs, Mapping):  # the first takes a tenth of the second
        return dict(inputs)
    # A single value can only be meant for a single input.
    return {next(iter(infos)): inputs} if len(infos) == 1 else None


def _mismatch(
    given: dict[str, Any] | None, infos: Mapping[str, ParsedTensorInfo], signature: str, where: str
) -> str:
    wants = f"The signature {signature!r} of {where} has the inputs {describe(infos)}."
    if not infos:
        return f"The signature {signature!r} of {where} has no inputs; it was given some. Call it without."
    if given is None:
        return f"{wants} It was given a single value; pass a dict with these keys."
    missing = ", ".join(repr(name) for name in infos if name not in given)
    extra = ", ".join(repr(name) for name in given if name not in infos)
    faults = [f"lacks {missing}"] if missing else []
    faults += [f"has the unknown {extra}"] if extra else []
    return f"{wants} What was given {' and '.join(faults)}."
