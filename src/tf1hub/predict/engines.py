"""The engines, and which of them is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tf1hub.errors import ArgumentError, Error, MissingDependencyError, UnsupportedGraphError
from tf1hub.predict.engine_request import Compute, Engine, Request

AUTO = "auto"


# Each is imported when it is asked for: a process that embeds one sentence feels the others.
def _make_jax() -> Engine:
    from tf1hub.predict.on_jax import JaxEngine

    return JaxEngine()


def _make_numpy() -> Engine:
    from tf1hub.predict.on_numpy import NumpyEngine

    return NumpyEngine()


def _make_onnx() -> Engine:
    from tf1hub.predict.on_onnx import OnnxEngine

    return OnnxEngine()


def _make_tensorflow() -> Engine:
    from tf1hub.predict.on_tensorflow import TensorflowEngine

    return TensorflowEngine()


_ENGINES: dict[str, Callable[[], Engine]] = {
    "jax": _make_jax,
    "numpy": _make_numpy,
    "onnx": _make_onnx,
    "tensorflow": _make_tensorflow,
}
FASTEST_FIRST = tuple(name for name in ("onnx", "jax", "numpy") if name in _ENGINES)
"""What `"auto"` tries. TensorFlow is not among them: it is imported by those who ask for it."""

_REFUSED = "The signature {signature!r} of {where} cannot run on the engine {name!r}, which lacks:{faults}"


class Chosen(NamedTuple):
    """An engine that was taken.

    Attributes:
        name: of the engine.
        why: the reason, a sentence.
        compute: what runs the signature.
    """

    name: str
    why: str
    compute: Compute


def engine_named(name: object) -> Engine | None:
    """An engine; None for `"auto"`.

    Raises:
        ArgumentError: there is none of this name.
    """
    if name == AUTO:
        return None
    if not isinstance(name, str) or name not in _ENGINES:
        known = ", ".join(repr(each) for each in [AUTO, *_ENGINES])
        raise ArgumentError(f"There is no engine {name!r}. There are: {known}.")
    return _ENGINES[name]()


def installed_engines() -> list[str]:
    """The names of the engines that have here what they need."""
    return [name for name, make in _ENGINES.items() if make().not_installed() is None]


def choose_engine(request: Request, name: str) -> Chosen:
    """The engine that runs a signature.

    Args:
        request: the signature.
        name: of the engine, or `"auto"` for the fastest one that is installed and takes all of the signature.

    Raises:
        ArgumentError: there is no such engine.
        MissingDependencyError: what it needs is not installed.
        UnsupportedGraphError: it lacks op types of the signature; all are listed, and which engines have them.
    """
    engine = engine_named(name)
    if engine is not None:
        install = engine.not_installed()
        if install is not None:
            raise MissingDependencyError(
                f"The engine {name!r} needs what is not installed here. Install it with: {install}."
            )
        faults = list(engine.refusals(request))
        if faults:
            raise UnsupportedGraphError(_refusal(request, name, faults))
        return Chosen(name, "it was asked for", engine.build(request))
    return _fastest(request)


def _fastest(request: Request) -> Chosen:
    passed: list[str] = []
    faults: list[str] = []
    for name in FASTEST_FIRST:
        engine = _ENGINES[name]()
        install = engine.not_installed()
        if install is not None:
            passed.append(f"{name} is not installed ({install})")
            continue
        faults = list(engine.refusals(request))
        if faults:
            passed.append(f"{name} lacks {'; '.join(faults)}")
            continue
        why = "it is the fastest one that is installed and takes all of the signature"
        return Chosen(name, "; ".join([why, *passed]), engine.build(request))
    raise UnsupportedGraphError(_refusal(request, FASTEST_FIRST[-1], faults))


def _refusal(request: Request, name: str, faults: list[str]) -> str:
    listed = "".join(f"\n  - {fault}" for fault in faults)
    text = _REFUSED.format(signature=request.signature, where=request.variant.where, name=name, faults=listed)
    others = list(_takers(request, name))
    advice = (
        f"It can run on: {', '.join(others)}." if others else "No engine that is installed here can run it."
    )
    return f"{text}\n{advice}"


def _takers(request: Request, besides: str) -> Iterator[str]:
    """The engines that would take a signature, as a caller names them."""
    for name, make in _ENGINES.items():
        engine = make()
        if name != besides and engine.not_installed() is None:
            try:
                taken = not engine.refusals(request)
            except Error:
                continue
            if taken:
                yield f"engine={name!r}"
