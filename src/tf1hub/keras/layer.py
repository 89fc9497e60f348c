"""The class `KerasLayer`, made for a given Keras."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import Holder
from tf1hub.errors import FormatError, HandleError, LayerError, ResolveError
from tf1hub.keras.casting import as_tensors
from tf1hub.keras.layer_weights import give_weights, stand_ins
from tf1hub.keras.resolving import check_trusted
from tf1hub.keras.symbolic import (
    keras_tensor_of_spec,
    known_shape,
    output_specs,
    spec_of_keras_tensor,
    specs_of_shapes,
)
from tf1hub.keras.which import (
    check_backend,
    exports_all_tables,
    in_graph_mode,
    in_safe_mode,
    is_keras_3,
    training_of_graph,
)
from tf1hub.keras.wrapped import Wrapped
from tf1hub.tf2.variables import check_choice

_classes: dict[Any, Any] = {}
_lock = threading.Lock()


def layer_class(keras: Any) -> Any:
    """The class `KerasLayer` for a Keras: a subclass of its `layers.Layer`.

    `tf1hub.KerasLayer` is that for `tf.keras`. A program that imports tf_keras beside Keras 3 asks for
    the other one.

    Args:
        keras: the module: `keras`, `tf.keras`, `tf_keras`.

    Returns:
        The class, the same for each call. It is registered as `"tf1hub>KerasLayer"`, so that this Keras
        loads models that have one without `custom_objects`.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> issubclass(hub.keras.layer_class(tf.keras), tf.keras.layers.Layer)
        True
        >>> hub.keras.layer_class(tf.keras) is hub.KerasLayer
        True
    """
    base = keras.layers.Layer
    with _lock:
        if base not in _classes:
            created = _create(keras, base)
            _classes[base] = keras.utils.register_keras_serializable("tf1hub", "KerasLayer")(created)
        return _classes[base]


def _create(keras: Any, base: Any) -> Any:
    class KerasLayer(base):
        """A module, or anything else that `tf1hub.load` loads, as a layer.

        The module's variables are the layer's weights. While the layer is trainable, the model gets the module's
        regularization losses, and training runs the module's `{"train"}` variant, if it has one, with the
        update ops of batch normalization. A frozen layer always runs as in inference, like Keras's own
        `BatchNormalization`.

        The graph computes in its own precision under any policy. Numbers are cast to the dtypes of the
        signature's inputs, and the outputs have the signature's dtypes.

        Args:
            handle: a URL, a path or a ModuleSpec of a TF1 module; a URL or a path of a SavedModel; or an object
                that can be called: the result of `tf1hub.load(handle)`, a `tf.Module`, a function.
            trainable: whether the variables are trained. To train some of them, give a predicate of their
                names, or a list of names of variables or scopes. The layer's `trainable` may be changed later.
            arguments: a dict of further keyword arguments for each call; for a signature, of further
                inputs. A layer with a config needs values that JSON can hold.
            _sentinel: not an argument; all that follow are given by keyword.
            tags: the graph variant. None is the one for inference, and `{"train"}` in training. The empty set
                is the one for inference, in training too.
            signature: the signature to call. None is `"default"` of a TF1 module; a SavedModel is called
                itself. The signatures of a SavedModel are for inference, so such a layer cannot be trainable.
                Only those of a TF1 module that was saved as a SavedModel can be trained.
            signature_outputs_as_dict: whether to return a dict of all outputs of the signature.
            output_key: the output to return, if there are several; None is `"default"` of a TF1 module.
            output_shape: the shape of the output without the batch size, if the module leaves it open. For
                several outputs, a nest of shapes.
            load_options: `tf.saved_model.LoadOptions`, for a SavedModel.
            outputs: tensors of a TF1 module's graph to return in place of the signature's outputs: the name of
                one, a list of names for a list of outputs, or a dict from new names to tensor names. See
                `ModuleSpec.with_outputs`; `tf1hub show HANDLE --tensors PATTERN` finds names.
            trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.
            **kwargs: arguments of a Keras layer: `name`, `dtype`, `input_shape`, ...; `dtype=tf.string` says
                that the inputs are text, if the module does not.

        Raises:
            HandleError: `handle` names no module.
            ResolveError: the module could not be obtained.
            UnknownNameError: there is no variant, signature, output or variable of this name.
            LayerError: the choices do not go together.
            TrustError: what the module starts with does what nobody allowed.
            WrongModeError: Keras runs on another backend than TensorFlow, or there is no eager execution.

        Example:
            >>> import tensorflow as tf, tf1hub as hub
            >>> def module_fn():
            ...     x = tf.compat.v1.placeholder(tf.float32, [None, 2])
            ...     w = tf.compat.v1.get_variable("w", initializer=[[1.0], [2.0]])
            ...     hub.add_signature(inputs=x, outputs=tf.matmul(x, w))
            >>> layer = hub.KerasLayer(hub.create_module_spec(module_fn), trainable=True)
            >>> layer([[1.0, 1.0], [2.0, 0.0]]).numpy().tolist()
            [[3.0], [2.0]]
            >>> tuple(layer.trainable_weights[0].shape)
            (2, 1)
        """

        def __init__(
            self,
            handle: Any,
            trainable: Any = False,
            arguments: Mapping[str, Any] | None = None,
            _sentinel: None = None,
            tags: Iterable[str] | None = None,
            signature: str | None = None,
            signature_outputs_as_dict: bool | None = None,
            output_key: str | None = None,
            output_shape: Any = None,
            load_options: tf.saved_model.LoadOptions | None = None,
            outputs: Any = None,
            trust: Any = None,
            **kwargs: Any,
        ) -> None:
            check_backend(keras)
            if _sentinel is not None:
                raise LayerError(
                    "Give what follows arguments= by keyword: KerasLayer(handle, signature=..., output_key=...)."
                )
            trainable = check_choice(trainable)
            wrapped = Wrapped(
                handle,
                trainable,
                arguments,
                tags,
                signature,
                signature_outputs_as_dict,
                output_key,
                output_shape,
                load_options,
                outputs,
                trust,
            )
            _initialize(keras, super().__init__, wrapped, trainable is not False, kwargs)
            self._wrapped = wrapped
            wrapped.weights = give_weights(keras, self, wrapped.callee)
            # TensorFlow saves the tables and files of what it finds in attributes.
            self._saved_with_it = Holder(wrapped.loaded, stand_ins(wrapped.weights))
            if wrapped.callee.has_tables and not exports_all_tables(keras) and not in_graph_mode():
                self._saved_with_it._exported_with_it = _exported_lookup(keras, self._saved_with_it)
            if is_keras_3(keras):
                # Nobody knows whether XLA compiles a graph of those times; Keras would simply try.
                self.supports_jit = False
                _tell_input_shape(self, kwargs.get("input_shape"), wrapped)
            self.built = True

        @property
        def resolved_object(self) -> Any:
            """What the handle resolved to: what `tf1hub.load` gave, or the object itself."""
            return self._wrapped.loaded

        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(as_tensors(inputs), *args, **kwargs)

        def call(self, inputs: Any, training: Any = None) -> Any:
            """Applies the module; `training` has no effect while the layer is frozen."""
            if self.trainable and not self.trainable_weights:
                self._wrapped.tell_of_no_weights()
            if training is None:
                training = training_of_graph(keras)
            return self._wrapped.apply(inputs, training if self.trainable else False, _float(self))

        def compute_output_shape(self, input_shape: Any) -> Any:
            """The shapes of the outputs for shapes of inputs, from a trace."""
            inputs = specs_of_shapes(input_shape, self._wrapped.callee.input_specs, _float(self))
            outputs = output_specs(self.call, inputs)
            shape = known_shape if is_keras_3(keras) else lambda spec: tf.TensorShape(spec.shape)
            return tf.nest.map_structure(shape, outputs)

        def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
            """What Keras 3 asks for symbolic inputs: shapes and dtypes of the outputs."""
            del training  # the shapes are the same
            specs = tf.nest.map_structure(lambda value: spec_of_keras_tensor(keras, value), inputs)
            outputs = output_specs(self.call, specs)
            return tf.nest.map_structure(lambda spec: keras_tensor_of_spec(keras, spec), outputs)

        def save_own_variables(self, store: Any) -> None:
            """Puts the module's variables into a file of weights."""
            self._wrapped.save_weights(store)

        def load_own_variables(self, store: Any) -> None:
            """Takes the module's variables from a file of weights."""
            self._wrapped.load_weights(store)

        def get_config(self) -> dict[str, Any]:
            """The arguments that make this layer again: its handle, not its weights."""
            return {**super().get_config(), **self._wrapped.config()}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            """Makes the layer that `get_config` describes."""
            config = dict(config)
            chosen = config.pop("trainable_variables", None)
            # Keras 2 wrote it for the first layer of a model; Keras 3 knows no such argument.
            batch_shape = config.pop("batch_input_shape", None)
            if batch_shape is not None:
                config.setdefault("input_shape", batch_shape[1:])
            with _naming(config["handle"]):
                if in_safe_mode(keras):
                    check_trusted(config["handle"])
                if chosen is None:
                    return cls(**config)
                trainable = config.pop("trainable")
                layer = cls(**config, trainable=chosen)
            layer.trainable = trainable
            return layer

    KerasLayer.__module__ = "tf1hub.keras"
    KerasLayer.__qualname__ = "KerasLayer"
    return KerasLayer


@contextlib.contextmanager
def _naming(handle: str) -> Iterator[None]:
    """Says which module a saved model needs and how to go on, where that module cannot be obtained."""
    try:
        yield
    except (HandleError, ResolveError, FormatError) as error:
        raise type(error)(
            f"{error}\nThe saved model names the module of its KerasLayer by the handle {handle!r}. Put the module "
            "there again; or build the model with the module's new handle, and take the saved values: "
            "model.load_weights(file)."
        ) from error


def _initialize(
    keras: Any, initialize: Any, wrapped: Wrapped, trainable: bool, keywords: dict[str, Any]
) -> None:
    """Initializes the base class."""
    known = {"autocast": False, **keywords}
    spec = wrapped.only_dense_input
    if known.get("dtype") is None and spec is not None and not spec.dtype.is_floating:
        # Keras takes a layer's dtype for that of the inputs that it makes for it.
        known["dtype"] = spec.dtype.name
    if is_keras_3(keras):
        _check_dtypes(keras, wrapped)
        # Keras 3 would make a float32 input of it, and say that it should not be given.
        known.pop("input_shape", None)
    initialize(trainable=trainable, **known)


def _check_dtypes(keras: Any, wrapped: Wrapped) -> None:
    """Keras 3 looks at the dtype of all that a layer is given."""
    for spec in tf.nest.flatten(wrapped.callee.input_specs):
        if isinstance(spec, tf.TensorSpec):
            try:
                keras.dtype_policies.DTypePolicy(spec.dtype.name)
            except ValueError as error:
                raise LayerError(
                    f"The module takes {spec.dtype.name}, which Keras {keras.version()} does not have, so that no layer can "
                    "be given it. Call it as a function: module = tf1hub.load(handle); outputs = module(inputs)"
                ) from error


def _tell_input_shape(layer: Any, given: Iterable[int | None] | None, wrapped: Wrapped) -> None:
    # From this attribute of its first layer, Keras 3 builds a Sequential model without being given data.
    if given is not None:
        layer.input_shape = (None, *given)
    elif wrapped.only_dense_input is not None:
        layer.input_shape = tuple(wrapped.only_dense_input.shape.as_list())


def _exported_lookup(keras: Any, held: Holder) -> Any:
    """A lookup of Keras's own that holds the module's tables.

    `model.export` of an older Keras exports only tables of its own lookups, and what those lookups hold.
    """
    lookup = keras.layers.StringLookup(vocabulary=["held"])
    # Keras 2 tells its user of layers that it saves before they are built.
    lookup(tf.constant(["held"]))
    lookup.held = held
    return lookup


def _float(layer: Any) -> tf.DType:
    """The dtype for floating point inputs of a callable that names no dtype."""
    dtype = tf.as_dtype(layer.variable_dtype or "float32")
    return dtype if dtype.is_floating else tf.float32
