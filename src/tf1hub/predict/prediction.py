"""`tf1hub.Predictor`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from tf1hub.errors import ArgumentError, Error, UnsupportedGraphError
from tf1hub.predict.array_inputs import ArrayInterface
from tf1hub.predict.engine_request import Request
from tf1hub.predict.engines import AUTO, choose_engine
from tf1hub.predict.on_onnx import stored_model
from tf1hub.spec.module_spec import ModuleSpec, Tags, load_module_spec
from tf1hub.spec.permission import Trust
from tf1hub.spec.variant import DEFAULT_SIGNATURE
from tf1hub.trust.refusal import check_signature, check_state

# RuntimeError: recursion without an end, and what compiled libraries raise.
_TRIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Predictor:
    """A signature of a module as a function from arrays to arrays. It needs no TensorFlow.

    What the signature writes (a recurrent state, say) is kept from call to call, as in a session. Calls may come from
    several threads; those of a signature that writes wait for each other. A pickle carries what was asked for, not
    what was written since.

    Example:
        >>> import tf1hub as hub
        >>> predictor = hub.Predictor("tests/golden/modules/half_plus_two/module", engine="numpy")
        >>> predictor([[1.0], [2.0]])["default"].tolist()
        [[2.5], [3.0]]
        >>> predictor.engine, predictor.why
        ('numpy', 'it was asked for')

    Args:
        handle: a handle or a ModuleSpec; or the path of an ONNX model that `tf1hub.convert` wrote, which has one
            signature.
        signature: the signature's name; None is `"default"`.
        tags: the graph variant; None is the inference variant.
        engine: what runs it. `"numpy"` runs everywhere. `"tensorflow"` alone imports TensorFlow. `"auto"` takes the
            fastest of the others that is installed and takes all of the signature.
        seed: for random ops: equal seeds give equal numbers on one engine. None gives others each time.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Attributes:
        engine: the name of the engine that runs it.
        why: why that one, in words.
        inputs: the inputs: name to type and shape.
        outputs: the outputs: name to type and shape.

    Raises:
        ResolveError: the module could not be obtained.
        FormatError: it is damaged.
        UnknownTagsError: no variant has these tags.
        UnknownSignatureError: the variant has no such signature.
        ArgumentError: there is no such engine.
        MissingDependencyError: what the engine needs is not installed.
        TrustError: the signature does what nobody allowed.
        UnsupportedGraphError: the engine lacks op types of the signature, all of which are listed; or the graph cannot
            be read.
    """

    def __init__(
        self,
        handle: ModuleSpec | str | os.PathLike[str],
        signature: str | None = None,
        tags: Tags = None,
        engine: str = "auto",
        *,
        seed: int | None = None,
        trust: Trust = None,
    ) -> None:
        self._asked: tuple[Any, ...]
        model = stored_model(handle)
        if model is not None:
            self._open(model, handle, signature, tags, engine, seed)
            return
        spec = load_module_spec(handle, trust=trust)
        variant = spec.variant(tags)
        name = variant.check_signature(DEFAULT_SIGNATURE if signature is None else signature)
        spec.check_assets(variant)
        check_state(spec, [variant])
        check_signature(variant, name)
        self.inputs = variant.inputs(name)
        self.outputs = variant.outputs(name)
        self._asked = (spec, name, variant.tags, engine, seed)
        self._where = f"signature {name!r} of {variant.where}"
        self._interface = ArrayInterface(self.inputs, self.outputs, name, variant.where)
        with _readable(f"The {self._where}"):
            self.engine, self.why, self._compute = choose_engine(Request(spec, variant, name, seed), engine)

    def _open(
        self, model: Any, handle: Any, signature: str | None, tags: Tags, engine: str, seed: int | None
    ) -> None:
        """Takes over a model that `tf1hub.convert` wrote, which holds one signature of one variant."""
        if engine not in (AUTO, "onnx") or signature not in (None, model.signature) or tags is not None:
            raise ArgumentError(
                f"{os.fspath(handle)} is an ONNX model of the signature {model.signature!r}. It runs that one, on "
                "engine='onnx': tf1hub.Predictor(path)"
            )
        self.inputs, self.outputs = model.inputs, model.outputs
        self._asked = (handle, signature, tags, engine, seed)
        self._where = f"signature {model.signature!r} in {os.fspath(handle)}"
        self._interface = ArrayInterface(model.inputs, model.outputs, model.signature, os.fspath(handle))
        self.engine, self.why, self._compute = "onnx", "it is an ONNX model", model

    def __call__(self, inputs: Any = None) -> dict[str, Any]:
        """The outputs for some inputs.

        Args:
            inputs: a dict of arrays (or what NumPy makes arrays of) by the names of the inputs, or the value of the only
                one; None where there is none. Strings are arrays of bytes or of str. A sparse input is a `SparseArray`, a
                triple of indices, values and dense shape, a matrix of SciPy's, or a `tf.SparseTensor`; a ragged one a
                `RaggedArray` or a `tf.RaggedTensor`.

        Returns:
            Arrays by the names of the outputs; strings are objects (bytes). A sparse output is a `SparseArray`, a ragged
            one a `RaggedArray`.

        Raises:
            InputError: an input is missing, extra, or of another type or shape; or an op cannot compute with it.
            CheckFailedError: an assertion of the graph does not hold.
            UnsupportedGraphError: the graph is damaged in a way that only shows when it runs.
        """
        given = self._interface.arrays(inputs)
        with _readable(f"The {self._where}"):
            return self._interface.results(self._compute(given))

    def __reduce__(self) -> tuple[Any, ...]:
        spec, signature, tags, engine, seed = self._asked
        return _again, (spec, signature, tags, engine, seed)

    def __repr__(self) -> str:
        return f"<Predictor of the {self._where} on {self.engine}>"


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turns what a damaged graph makes engines trip over into an error of ours."""
    try:
        yield
    except Error:
        raise
    except _TRIPS as error:
        raise UnsupportedGraphError(f"{where} cannot be run: {type(error).__name__}: {error}") from error


def _again(
    spec: ModuleSpec | str | os.PathLike[str],
    signature: str | None,
    tags: Tags,
    engine: str,
    seed: int | None,
) -> Predictor:
    """What a pickle of a predictor gives."""
    return Predictor(spec, signature, tags, engine, seed=seed)
