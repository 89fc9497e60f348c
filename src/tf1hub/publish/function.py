"""A module from a `tf.function`: its variables stay variables, its tables and assets come along."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import Trackable
from tf1hub.arguments import check_function
from tf1hub.errors import CreationError, WrongModeError
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.saved_model import SCHEMA_VERSION
from tf1hub.publish.asset_files import AssetFiles
from tf1hub.publish.meta_graph import Sign, capture_meta_graph
from tf1hub.publish.saved_model_spec import read_variant
from tf1hub.publish.signatures import add_signature, components
from tf1hub.publish.temporary import temporary_directory
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.permission import MADE_HERE
from tf1hub.storage import place_at


@dataclass
class _Traced:
    """A function as one signature.

    Attributes:
        inputs: name to type, in the order of the components' placeholders.
        outputs: name to type, in the order of the components.
        flat: the function of the inputs' dense components, `i0`, `i1`, ..., to the outputs', `o0`, ....
        concrete: the function itself.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    flat: Any
    concrete: Any


def from_function(
    function: Callable[..., Any] | Mapping[str, Callable[..., Any]],
    input_signature: Sequence[Any] | None = None,
) -> ModuleSpec:
    """Makes a module of a `tf.function`, or of several: one signature for each.

    The variables that the functions use become the module's, with their values, trainable where they
    are. Tables and the files behind them come along. Functional control flow stays what it is.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> weight = tf.Variable([[1.0], [10.0]], name="weight")
        >>> @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        ... def apply(x):
        ...     return {"default": x @ weight, "inputs": x}
        >>> spec = hub.publish.from_function(apply)
        >>> spec.get_input_info_dict(), spec.get_output_info_dict()
        ({'x': <float32 [?, 2]>}, {'default': <float32 [?, 1]>, 'inputs': <float32 [?, 2]>})
        >>> spec.export("module")

    Args:
        function: a `tf.function` with an input signature, a concrete function (such as a signature of
            `tf.saved_model.load`), or any function together with `input_signature`; or a dict of
            them, by the signatures' names. One alone is the signature `"default"`. It returns a
            tensor (the output `"default"`), a dict, or a list (`"output_0"`, `"output_1"`, ...) of
            tensors, SparseTensors or RaggedTensors.
        input_signature: the specs (`tf.TensorSpec` and its like) of its arguments, where it does
            not say so itself; for all functions alike.

    Returns:
        A spec with the variables' values at this time.

    Raises:
        CreationError: a function has no signature or gives no tensors, or uses a resource whose
            object is gone.
        WrongModeError: v2 behaviour is off, or a graph is being built.
    """
    if not tf.executing_eagerly():
        raise WrongModeError(
            "from_function takes the values of tf.Variables, which eager mode alone has: call it outside of "
            "graphs, with v2 behaviour on."
        )
    functions = dict(function) if isinstance(function, Mapping) else {"default": function}
    for value in functions.values():
        check_function(value, "function")
    traced = {name: _trace(value, input_signature, name) for name, value in functions.items()}
    directory = os.path.join(temporary_directory(), "saved_model")
    _save(directory, traced)
    assets = AssetFiles()
    where = ", ".join(_name_of(value) for value in functions.values())
    meta_graph, checkpoint = read_variant(place_at(directory), where)
    sign = _signer(traced, meta_graph)
    captured = capture_meta_graph(meta_graph, frozenset(), where, assets, sign, restored=True)
    definition = SavedModel(saved_model_schema_version=SCHEMA_VERSION, meta_graphs=[captured])
    return ModuleSpec(definition, where, checkpoint, assets.paths, trusted={MADE_HERE})


def _trace(function: Any, input_signature: Sequence[Any] | None, signature: str) -> _Traced:
    concrete = _concrete(function, input_signature, signature)
    args, kwargs = concrete.structured_input_signature
    inputs = _named_inputs(args, kwargs, signature)
    specs = list(tf.nest.flatten((args, kwargs), expand_composites=True))
    structure = concrete.structured_outputs
    outputs = _named_outputs(structure, signature)

    def flat(**dense: Any) -> dict[str, Any]:
        values = iter([dense[f"i{index}"] for index in range(len(dense))])
        given = [next(values) if isinstance(spec, tf.TypeSpec) else spec for spec in specs]
        args_given, kwargs_given = tf.nest.pack_sequence_as((args, kwargs), given, expand_composites=True)
        result = _named_outputs(concrete(*args_given, **kwargs_given), signature)
        parts = tf.nest.flatten(list(result.values()), expand_composites=True)
        return {f"o{index}": tf.identity(part) for index, part in enumerate(parts)}

    dense_specs = [spec for spec in specs if isinstance(spec, tf.TypeSpec)]
    named = {
        f"i{index}": tf.TensorSpec(spec.shape, spec.dtype, name=f"i{index}")
        for index, spec in enumerate(dense_specs)
    }
    wrapped = tf.function(flat, autograph=False).get_concrete_function(**named)
    return _Traced(inputs, outputs, wrapped, concrete)


def _concrete(function: Any, input_signature: Sequence[Any] | None, signature: str) -> Any:
    if hasattr(function, "structured_input_signature"):
        return function
    polymorphic = function if hasattr(function, "get_concrete_function") else tf.function(function)
    try:
        return polymorphic.get_concrete_function(*(input_signature or ()))
    except (TypeError, ValueError) as error:
        raise CreationError(
            f"The function {_name_of(function)} of the signature {signature!r} cannot be traced: {error}\n"
            "Say what its arguments are: from_function(function, [tf.TensorSpec([None, 3], tf.float32)])."
        ) from error


def _named_inputs(args: Sequence[Any], kwargs: Mapping[str, Any], signature: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            # In the order in which they are flattened.
            for key in sorted(value):
                add(str(key), value[key])
        elif isinstance(value, list | tuple) and not isinstance(value, tf.TypeSpec):
            for index, item in enumerate(value):
                add(f"{name}_{index}", item)
        elif isinstance(value, tf.TypeSpec):
            key = getattr(value, "name", None) or name
            if key in found:
                raise CreationError(f"Two inputs of the signature {signature!r} are called {key!r}.")
            found[key] = value

    for index, value in enumerate(args):
        add(f"input_{index}", value)
    for key in sorted(kwargs):
        add(key, kwargs[key])
    return found


def _named_outputs(structure: Any, signature: str) -> dict[str, Any]:
    if isinstance(structure, Mapping):
        named = {str(key): structure[key] for key in sorted(structure)}
    elif isinstance(structure, list | tuple) and not isinstance(structure, tf.TypeSpec):
        named = {f"output_{index}": value for index, value in enumerate(structure)}
    else:
        named = {"default": structure}
    kinds = (tf.TypeSpec, tf.Tensor, tf.SparseTensor, tf.RaggedTensor)
    wrong = [name for name, value in named.items() if not isinstance(value, kinds)]
    if wrong or not named:
        raise CreationError(
            f"The function of the signature {signature!r} returns {structure!r}; it must return a tensor, or a dict "
            "or list of tensors."
        )
    return named


def _save(directory: str, traced: Mapping[str, _Traced]) -> None:
    """Lets TensorFlow write the functions with all that they use."""
    holder = tf.Module()
    # One attribute each: a list would be wrapped, and the wrapper refuses to be saved.
    used = [variable for value in traced.values() for variable in value.concrete.graph.variables]
    used += [owner for value in traced.values() for owner in _resource_owners(value.concrete)]
    for index, resource in enumerate(used):
        setattr(holder, f"resource_{index}", resource)
    signatures = {f"s{index}": value.flat for index, value in enumerate(traced.values())}
    try:
        tf.saved_model.save(holder, directory, signatures=signatures)
    except AssertionError as error:
        raise CreationError(
            f"A function uses a table or another resource whose object is gone, so that it cannot be saved: {error}"
        ) from error


def _resource_owners(concrete: Any) -> Iterator[Any]:
    """The tables and the like whose handles a function captured; variables a function lists itself."""
    variables = {id(variable.handle) for variable in concrete.graph.variables}
    for tensor in concrete.captured_inputs:
        if tensor.dtype == tf.resource and id(tensor) not in variables:
            for holder in gc.get_referrers(tensor):
                # What an object refers to lies in its dict, or, since Python 3.11, in itself.
                owners = gc.get_referrers(holder) if isinstance(holder, dict) else [holder]
                yield from (owner for owner in owners if isinstance(owner, Trackable))


def _signer(traced: Mapping[str, _Traced], meta_graph: Any) -> Sign:
    flat_names = {
        name: (
            {key: info.name for key, info in meta_graph.signature_def[f"s{index}"].inputs.items()},
            {key: info.name for key, info in meta_graph.signature_def[f"s{index}"].outputs.items()},
        )
        for index, name in enumerate(traced)
    }

    def sign(graph: Any) -> None:
        for name, value in traced.items():
            inputs, outputs = flat_names[name]
            add_signature(
                name,
                _pack(graph, value.inputs, inputs, "i"),
                _pack(graph, value.outputs, outputs, "o"),
            )

    return sign


def _pack(graph: Any, named: Mapping[str, Any], tensors: Mapping[str, str], prefix: str) -> dict[str, Any]:
    result, index = {}, 0
    for name, value in named.items():
        count = len(components(value))
        dense = [
            graph.get_tensor_by_name(tensors[f"{prefix}{number}"]) for number in range(index, index + count)
        ]
        result[name] = tf.nest.pack_sequence_as(value, dense, expand_composites=True)
        index += count
    return result


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", None) or getattr(function, "name", type(function).__name__)
    return f"{name}()"
