"""`to="stablehlo"`: signatures as StableHLO that JAX calls, on another machine and without this library."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tf1hub.converting.form import CallableForm, ConversionRequest, Form, Options, Written
from tf1hub.converting.numpy_oracle import OnNumpy
from tf1hub.converting.refusal import refusals_of_each
from tf1hub.converting.stablehlo_calls import cast_inputs
from tf1hub.errors import Error
from tf1hub.format import dtypes
from tf1hub.spec.identity import module_digest
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.expected import Oracle
from tf1hub.trial.other_process import OtherProcess, start_importing
from tf1hub.trial.shared_runs import Arrays, CannotRunError, NotTakenError
from tf1hub.trial.signature_check import Opened

if TYPE_CHECKING:
    from tf1hub.predict.jax_function import JaxFunction

WEIGHTS = "weights.safetensors"
SIGNATURES = "signatures.json"
PLATFORMS = ("cpu", "cuda", "tpu")
_CALLS = "tf1hub.converting.stablehlo_calls"
_AXES = 32
"""More than the axes of any tensor."""
_LIMIT = re.compile(r"\bmin\((\d+), (\w+)\)")
"""What JAX calls the size of a slice that an open dimension ends: if it is to have that dimension's size, this may not be larger."""
_COMPARED = re.compile(r"Symbolic dimension comparison '(.+)' (?:<|>=) '(.+)' is inconclusive")
"""Two sizes of which JAX has to know whether the first one is smaller; where it is, an op has too little to work on."""
_ROUNDS = 4
_IMPORTS = ("jax", "jax.export", "safetensors.numpy", _CALLS)


class _ExportedSignature(NamedTuple):
    """A signature that was exported: the program, how to call it, and the values of its variables."""

    exported: Any
    told: dict[str, Any]
    params: Mapping[str, Any]


class StablehloForm(CallableForm):
    """A directory: a file for each signature, the weights as safetensors, and what tells how to call them."""

    name = "stablehlo"
    words = "signatures as StableHLO for JAX, their weights as safetensors"
    last = SIGNATURES
    packages = ("jax", "flatbuffers", "safetensors")
    extra = "jax,safetensors"
    options = frozenset({"signature"})

    def __init__(self, for_one: bool = False) -> None:
        self._for_one = for_one
        self._programs: dict[str, _ExportedSignature] = {}
        self._limited: dict[str, _ExportedSignature] = {}
        self._writes = False

    def choose(self, options: Options) -> Form:
        """One for one conversion, which keeps the programs between its steps."""
        del options
        return StablehloForm(for_one=True)

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        variant = variants[0]
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            return [Refusal(f"{' and '.join(missing)} are not installed: pip install 'tf1hub[{self.extra}]'")]
        names = _names(variant, options)
        if self._for_one:
            return [refusal for name in names for refusal in self._refusals_of(spec, variant, name)]
        return refusals_of_each(variant, names, lambda name: self._refusals_of(spec, variant, name))

    def write(self, request: ConversionRequest, path: str) -> Written:
        from safetensors.numpy import save_file

        start_importing(_IMPORTS)
        names = _names(request.inference, request.options)
        told: dict[str, Any] = {}
        weights: dict[str, Any] = {}
        for name in names:
            request.say(f"exporting {name!r}")
            program = self._programs.pop(name)
            if program.told["limits"]:
                self._limited[name] = program
            told[name] = {**program.told, "file": f"{len(told)}.stablehlo"}
            with open(os.path.join(path, told[name]["file"]), "wb") as file:
                file.write(program.exported.serialize())
            weights.update({key: np.asarray(value) for key, value in program.params.items()})
        save_file(weights, os.path.join(path, WEIGHTS))
        about = {
            "module": request.spec.name,
            "digest": module_digest(request.spec),
            "platforms": PLATFORMS,
            "signatures": told,
        }
        with open(os.path.join(path, SIGNATURES), "w", encoding="utf-8") as text:
            json.dump(about, text, indent=1)
        written = sorted({key for each in told.values() for key in each["writes"]})
        self._writes = bool(written)
        notes = ["Integers and floating-point numbers of 64 bits have 32 bits, as JAX has them by default."]
        limits = sorted({limit for each in told.values() for limit in each["limits"]})
        if limits:
            notes.append(f"Sizes have limits, which the graph sets: {', '.join(limits)}.")
        if written:
            notes.append(
                f"Calls write {', '.join(map(repr, written))}: their new values come out beside the outputs."
            )
        return Written(
            {name: tuple(request.inference.inputs(name)) for name in names}, None, names, notes=tuple(notes)
        )

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        """The module in a graph, each call from the stored state; on NumPy where TensorFlow is not installed."""
        del request
        if importlib.util.find_spec("tensorflow") is None:
            return OnNumpy(spec)
        from tf1hub.trial.original import Original

        return Original(spec, fresh=self._writes)

    def check_limits(self, signature: str, feeds: Mapping[str, Any]) -> None:
        """Refuses sizes that the limits of a signature leave out; see `CallableForm`."""
        program = self._limited.get(signature)
        if program is None:
            return
        import jax

        given = {name: _parts(value) for name, value in feeds.items()}
        told = program.told
        inputs = {name: cast_inputs(value, told["inputs"][name]) for name, value in given.items()}
        keys = [np.zeros(2, np.uint32)] if told["draws"] else []
        try:
            jax.eval_shape(program.exported.call, dict(program.params), inputs, *keys)
        except ValueError as error:
            raise NotTakenError(str(error).partition(". Expected")[0]) from error

    @contextlib.contextmanager
    def open(self, request: ConversionRequest, path: str) -> Iterator[Opened]:
        del request

        def call(variant: Variant, signature: str, training: bool, feeds: Mapping[str, Any]) -> list[Arrays]:
            del training
            given = {name: _parts(value) for name, value in feeds.items()}
            try:
                found = process(signature, given)
            except RuntimeError as error:
                raise CannotRunError(str(error)) from error
            infos = variant.outputs(signature)
            return [
                {
                    name: [
                        np.asarray(part).astype(dtype, copy=False)
                        for part, dtype in zip(
                            found[name] if info.is_sparse else [found[name]], _types(info), strict=True
                        )
                    ]
                    for name, info in infos.items()
                }
            ]

        with OtherProcess(f"{_CALLS}:open_calls", path, _IMPORTS) as process:
            yield call

    def _refusals_of(self, spec: ModuleSpec, variant: Variant, name: str) -> list[Refusal]:
        try:
            return self._find_refusals(spec, variant, name)
        except Error as error:
            return [Refusal(str(error), signatures=(name,))]

    def _find_refusals(self, spec: ModuleSpec, variant: Variant, name: str) -> list[Refusal]:
        for side, infos in (("input", variant.inputs(name)), ("output", variant.outputs(name))):
            for key, info in infos.items():
                if info.dtype_name == "string" or (info.is_composite and not info.is_sparse):
                    what = "text" if info.dtype_name == "string" else "a ragged tensor"
                    reason = f"the {side} {key!r} is {what}, which StableHLO does not have"
                    return [Refusal(reason, signatures=(name,))]
        from tf1hub.predict.jax_function import JaxFunction

        function = JaxFunction(spec, variant, name, training=False)
        if function.needs_host:
            reason = "values of its inputs decide shapes, or it looks something up in a table"
            return [Refusal(reason, signatures=(name,))]
        # Who only asks needs their types and shapes.
        params = function.initial_params() if self._for_one else function.stored_params()
        try:
            exported, told = _export(function, params)
        except Exception as error:  # noqa: BLE001  # JAX's exporter has errors of private types
            first = str(error).splitlines()[0]
            return [Refusal(f"JAX cannot export it with its open dimensions: {first}", signatures=(name,))]
        if self._for_one:
            self._programs[name] = _ExportedSignature(exported, told, params)
        return []


def _names(variant: Variant, options: Options) -> list[str]:
    chosen = options.signature
    return variant.signature_names if chosen is None else [variant.check_signature(chosen)]


def _types(info: Any) -> list[Any]:
    dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
    return [np.int64, dtype, np.int64] if info.is_sparse else [dtype]


def _parts(value: Any) -> Any:
    if all(hasattr(value, part) for part in ("indices", "values", "dense_shape")):
        return [np.asarray(value.indices), np.asarray(value.values), np.asarray(value.dense_shape)]
    return np.asarray(value)


def _export(function: JaxFunction, params: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A signature exported with as many open dimensions as it can have, and how to call it."""
    import jax
    from jax import export

    draws = function.draws
    infos = function.inputs

    def call(weights: Any, inputs: Any, *key: Any) -> Any:
        raw = jax.random.wrap_key_data(key[0]) if key else None
        outputs, after = function.apply(weights, inputs, raw)
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in outputs.items()}
        if not function.written:
            return plain
        return plain, {name: after[name] for name in sorted(function.written)}

    weights = {
        name: jax.ShapeDtypeStruct(value.shape, jax.dtypes.canonicalize_dtype(value.dtype))
        for name, value in params.items()
    }
    keys = (jax.ShapeDtypeStruct((2,), np.uint32),) if draws else ()
    failed: dict[int, Exception] = {}
    limits: dict[int, tuple[str, ...]] = dict.fromkeys((0, 1, _AXES), ())
    # Each open dimension of its own; else all first ones the same; else all of each axis; at last within limits, such as the
    # length of a table of positions. An error tells one of them, so there are some rounds.
    for round_, shared in itertools.product(range(1 + _ROUNDS), limits):
        if round_:
            told_now = _limits_told(failed[shared])
            if not told_now or set(told_now) <= set(limits[shared]):
                continue
            limits[shared] += told_now
        try:
            scope = export.SymbolicScope(limits[shared])
            inputs = {name: _symbolic(name, info, scope, shared) for name, info in infos.items()}
            exported = export.export(jax.jit(call), platforms=PLATFORMS)(weights, inputs, *keys)
        except Exception as error:  # noqa: BLE001  # JAX's exporter has errors of private types
            failed[shared] = error
            continue
        told = {
            "inputs": {name: _tell(each) for name, each in inputs.items()},
            "weights": sorted(params),
            "writes": sorted(function.written),
            "draws": draws,
            "limits": limits[shared],
        }
        return exported, told
    raise failed[1]


def _limits_told(error: Exception) -> tuple[str, ...]:
    """The limits of open dimensions without which JAX's exporter failed."""
    found = {f"{name} <= {size}" for size, name in _LIMIT.findall(str(error))}
    if not found:
        found = {
            f"{other} <= {one}" if one.isdigit() else f"{one} >= {other}"
            for one, other in _COMPARED.findall(str(error))
        }
    return tuple(sorted(found))


def _tell(spec: Any) -> Any:
    if isinstance(spec, list):
        return [_tell(part) for part in spec]
    return {"dtype": str(spec.dtype), "shape": [str(size) for size in spec.shape]}


def _symbolic(name: str, info: Any, scope: Any, shared: int) -> Any:
    """An input with names for its open dimensions, those of the first `shared` axes the same for all inputs."""
    import jax
    from jax import export

    plain = "".join(letter if letter.isalnum() else "_" for letter in name)

    def describe_symbol(shape: Any, dtype: Any) -> Any:
        sizes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        dims = export.symbolic_shape(f"({sizes})", scope=scope) if shape else ()
        return jax.ShapeDtypeStruct(dims, jax.dtypes.canonicalize_dtype(dtype))

    dtype = dtypes.numpy_dtype(dtypes.number_of(info.dtype_name))
    if info.shape is None:
        raise ValueError(
            f"the input {name!r} may have any number of dimensions, and StableHLO wants one number"
        )
    if info.is_sparse:
        rank = len(info.shape)
        return [
            describe_symbol((f"n_{plain}", rank), np.int64),
            describe_symbol((f"n_{plain}",), dtype),
            describe_symbol((rank,), np.int64),
        ]
    common = ["batch", *(f"d{axis}" for axis in range(1, _AXES))][:shared]
    sizes = [
        (common[axis] if axis < shared else f"d{axis}_{plain}") if size is None else size
        for axis, size in enumerate(info.shape)
    ]
    return describe_symbol(tuple(sizes), dtype)
