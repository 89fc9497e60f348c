"""LoadedModule: a TF1 module as an object of TensorFlow 2."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import as_written
from tf1hub.arguments import path_text
from tf1hub.errors import ExportError, InputError, WrongModeError
from tf1hub.graph.session_export import export_from_session
from tf1hub.graphdef.variable_defs import by_name
from tf1hub.program.screen import check_supported
from tf1hub.spec.graph_tensors import GraphTensor
from tf1hub.spec.inner_outputs import Outputs, with_further_signature, with_outputs
from tf1hub.spec.input_words import describe
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.tf2.callable_variants import CallableVariants, Signatures
from tf1hub.tf2.export import export_values
from tf1hub.tf2.loaded_state import PICKLE_VERSION, LoadedState, check_files, read_state, state_of
from tf1hub.tf2.processes import check_threads
from tf1hub.tf2.saving import SavedParts
from tf1hub.tf2.values import from_nodes
from tf1hub.tf2.variables import Trainable, Values, create_variables, declared_variables
from tf1hub.tf2.variant_state import THIS_TENSORFLOW, Resources

_NO_SESSION = (
    "What tf1hub.load gives is exported with the values that its variables have now; no session is needed, and one was "
    "given. Write: m.export({path!r})"
)
_SESSION = (
    "The module was loaded in a graph, where the values of its variables are in a session, and none was given. Write: "
    "m.export({path!r}, session)"
)
_OF_A_GRAPH = (
    "The module was loaded in a graph, and cannot be copied or pickled: its values are those of a session. Write them, "
    "m.export(path, session), and load them where they are needed: tf1hub.load(path)"
)
_BY_KEYWORD = (
    "A loaded module takes its inputs as one value or as a dict, and was given {given} by keyword. Write: "
    "m({written}{signature})"
)
_UNKNOWN_KEYWORD = (
    "A loaded module takes the arguments inputs, training, signature and as_dict, and was given {given}. The signature "
    "{signature!r} of {where} has the inputs {inputs}."
)


class LoadedModule(tf.Module):
    """A TF1 module that is called, trained and saved like any object of TensorFlow 2.

    `tf1hub.load` makes it. It has the Reusable SavedModel interface, works eagerly and inside `tf.function`, and
    may be called from many threads. It describes itself by the same names as a `tf1hub.Module`.

    Args:
        spec: the module's definition.
        callables: its variants, ready to be called.
    """

    def __init__(self, spec: ModuleSpec, callables: CallableVariants) -> None:
        super().__init__()
        self._spec = spec
        self._callables = callables
        # As an attribute, so that a tf.Module around this one finds them.
        self._weights = dict(callables.resources.variables)
        self._parts = SavedParts(callables)

    # What is called inside a `tf.function` would be rewritten by AutoGraph, which takes long.
    @as_written
    def __call__(
        self,
        inputs: Any = None,
        training: Any = False,
        signature: str | None = "default",
        as_dict: bool = False,
        **unknown: Any,
    ) -> Any:
        """Applies the module.

        Args:
            inputs: a tensor, or what converts to one, for a signature with one input; a dict of them
                for any signature; SparseTensors and RaggedTensors where the signature has them.
                Dtypes and shapes are those of the signature.
            training: whether to run as in training: with the update ops (moving averages of batch normalization
                and the like), and with the `{"train"}` variant if the module was loaded with one. A bool, or a
                scalar boolean tensor to decide when the program runs.
            signature: which signature to apply.
            as_dict: whether to return all outputs.
            **unknown: there are no others; an error says how inputs are given.

        Returns:
            The output `"default"`, or with `as_dict` a dict of all outputs.

        Raises:
            UnknownSignatureError: there is no such signature; the message lists those that there are.
            InputError: an input is missing, extra, or of another type or shape; or given as a keyword.
            UnknownNameError: the signature has no output `"default"`, and `as_dict` is false.
            WrongModeError: it was loaded in eager mode and is called in a graph, or the other way round.
        """
        if unknown:
            raise InputError(_keywords(self.variant(), signature, list(unknown)))
        outputs = self._outputs(inputs, training, signature)
        return outputs if as_dict else self._callables.output(outputs, signature)

    def _outputs(self, inputs: Any, training: Any, signature: str | None) -> dict[str, Any]:
        # Asking TensorFlow's classes takes as long as a small module runs.
        if not isinstance(training, bool) and isinstance(training, tf.Tensor | tf.Variable):
            fixed = tf.get_static_value(training)
            if fixed is None:
                results: dict[str, Any] = tf.cond(
                    training,
                    lambda: self._callables.call(inputs, True, signature),
                    lambda: self._callables.call(inputs, False, signature),
                )
                return results
            training = fixed
        return self._callables.call(inputs, bool(training), signature)

    @property
    def callables(self) -> CallableVariants:
        """The working parts."""
        return self._callables

    @property
    def variables(self) -> Sequence[tf.Variable]:
        """All variables, in the module's order; the parts of a partitioned one each. Names are the module's."""
        return tuple(self._callables.resources.variables.values())

    @property
    def trainable_variables(self) -> Sequence[tf.Variable]:
        """The variables that optimizers should train."""
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def non_trainable_variables(self) -> Sequence[tf.Variable]:
        """The other variables, such as the moving averages of batch normalization."""
        return tuple(variable for variable in self.variables if not variable.trainable)

    @property
    def regularization_losses(self) -> Sequence[Any]:
        """Functions without arguments, each of which returns one scalar loss to add in training."""
        return tuple(self._callables.losses())

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The signatures by name, as functions from keyword arguments to a dict of outputs, for inference.

        As TensorFlow's own, they take a SparseTensor `x` as `x_indices`, `x_values` and `x_dense_shape`, and a
        RaggedTensor as `x_component_0` (the values), `x_component_1` (the outermost row splits) and so on.
        """
        return Signatures(self._callables, self)

    @property
    def assets(self) -> Mapping[str, str]:
        """The paths of the module's files (vocabularies and the like) by file name."""
        return dict(self._spec.asset_paths)

    def variant(self, training: bool = False) -> Variant:
        """The graph variant that runs: with its signatures and what they take.

        Args:
            training: the one of calls with `training=True`.
        """
        return self._callables.state(training).variant

    def get_signature_names(self) -> list[str]:
        """The names of the signatures, sorted."""
        return list(self.variant().signature_names)

    def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The inputs of a signature: name to type and shape.

        Raises:
            UnknownSignatureError: there is no such signature.
        """
        return self.variant().inputs(signature)

    def get_output_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """The outputs of a signature: name to type and shape.

        Raises:
            UnknownSignatureError: there is no such signature.
        """
        return self.variant().outputs(signature)

    def find_tensors(self, pattern: str = "*") -> Sequence[GraphTensor]:
        """The tensors of the graph for inference, as `ModuleSpec.find_tensors` finds them."""
        return self._spec.find_tensors(pattern, self.variant().tags)

    def with_outputs(self, outputs: Outputs, signature: str | None = None) -> LoadedModule:
        """The same module over the same variables, one of whose signatures returns other tensors of its graph.

        Example:
            >>> import tensorflow as tf, tf1hub as hub
            >>> def module_fn():
            ...     x = tf.compat.v1.placeholder(tf.float32, [None])
            ...     hidden = tf.square(x, name="hidden")
            ...     hub.add_signature(inputs=x, outputs=tf.sqrt(hidden, name="last"))
            >>> module = hub.load(hub.create_module_spec(module_fn))
            >>> module.with_outputs("hidden:0")([3.0]).numpy().tolist()
            [9.0]

        Args:
            outputs: the name of a tensor, a list of names, or a dict, as for `ModuleSpec.with_outputs`.
            signature: the signature; None is `"default"`. Its inputs stay.

        Returns:
            Another loaded module, to be called, trained, saved, converted and exported. The two share their
            variables: if one is trained, the other changes too.

        Raises:
            UnknownSignatureError, UnknownNameError, ArgumentError, UnsupportedGraphError: as `ModuleSpec.with_outputs`
                does; or the tensor depends on what cannot be traced again.
        """
        callables, name = self._callables, self.variant().check_signature(signature)
        having = [state.variant for state in callables.loaded if name in state.variant.signature_names]
        spec = with_outputs(self._spec, outputs, name, having)
        variants = spec.variant(self.variant().tags), spec.variant(self.variant(training=True).tags)
        check_supported(variants, THIS_TENSORFLOW)
        return LoadedModule(spec, CallableVariants(variants, callables.resources))

    def prune(self, feeds: Any, fetches: Any, name: str | None = None, input_signature: Any = None) -> Any:
        """A function from any tensors of the graph for inference to others, as TensorFlow's loader of TF1 modules has it.

        To start from the inputs of a signature, `with_outputs` is better: its inputs have their names, and it can be
        called with `training=True`.

        Example:
            >>> import tensorflow as tf, tf1hub as hub
            >>> def module_fn():
            ...     x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
            ...     hidden = tf.square(x, name="hidden")
            ...     hub.add_signature(inputs=x, outputs=tf.sqrt(hidden, name="last"))
            >>> module = hub.load(hub.create_module_spec(module_fn))
            >>> module.prune("hidden:0", "last:0")(tf.constant([9.0])).numpy().tolist()
            [3.0]

        Args:
            feeds: the name of a tensor that is given, or a nest of names.
            fetches: the name of a tensor that is returned, or a nest of names.
            name: of the function.
            input_signature: the types of what is given, in the order of `tf.nest.flatten`, where they are to be
                narrower than the graph says.

        Returns:
            A ConcreteFunction of the fed tensors, in the order of `tf.nest.flatten`, that returns them as `fetches`
            has them. It reads the module's variables, and keeps what it needs alive.

        Raises:
            UnknownNameError, ArgumentError, UnsupportedGraphError: as for `with_outputs`.
        """
        given = tf.nest.flatten(feeds)
        spec, signature = with_further_signature(self._spec, self.variant(), given, tf.nest.flatten(fetches))
        variant = spec.variant(self.variant().tags)
        check_supported((variant, variant), THIS_TENSORFLOW)
        callables = CallableVariants((variant, variant), self._callables.resources)
        function, infos = callables.function(signature, False), variant.inputs(signature)

        def call(*values: Any) -> Any:
            outputs = function({str(index): value for index, value in enumerate(values)})
            return tf.nest.pack_sequence_as(fetches, [outputs[str(index)] for index in range(len(outputs))])

        call.__name__ = name or "pruned"
        types = input_signature or [infos[str(index)].type_spec for index in range(len(given))]
        with tf.init_scope():
            return callables.keep(tf.function(call, autograph=False).get_concrete_function(*types))

    def get_attached_message(self, key: str, message_type: Callable[[], Any], required: bool = False) -> Any:
        """The message attached to the variant for inference under `key`; as `ModuleSpec.get_attached_message`."""
        return self._spec.get_attached_message(key, message_type, self.variant().tags, required)

    @property
    def variable_map(self) -> Mapping[str, Any]:
        """Name in the module to variable; to the list of its parts for a partitioned one."""
        variables = self._callables.resources.variables
        declared = declared_variables([state.variant for state in self._callables.loaded])
        found: dict[str, Any] = {}
        for name, parts in by_name(declared.values()).items():
            in_order = sorted(parts, key=lambda part: part.slice.offset if part.slice else ())
            found[name] = [variables[part.node] for part in in_order]
            if parts[0].slice is None:
                (found[name],) = found[name]
        return found

    def export(self, path: str | os.PathLike[str], session: Any = None) -> None:
        """Writes the module in the TF1 Hub format, with the values that its variables have now.

        Args:
            path: the new module's directory, here or at a URL; it may hold other files, but nothing of a module.
            session: where the module lives in a graph, the session that has the values; in eager mode there is none,
                and any is refused.

        Raises:
            ExportError: something is at `path`, or it cannot be written; or a session is given in eager mode, or
                none in a graph.
        """
        variables = self._callables.resources.variables
        if self._callables.graph is not None:
            if session is None:
                raise ExportError(_SESSION.format(path=os.fspath(path)))
            declared = declared_variables([state.variant for state in self._callables.loaded])
            pairs = [(declared[node], variable) for node, variable in variables.items()]
            export_from_session(self._spec, self.variant(), pairs, path_text(path), session)
            return
        if session is not None:
            raise ExportError(_NO_SESSION.format(path=os.fspath(path)))
        export_values(self._spec, path_text(path), variables)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        children: dict[str, Any] = super()._trackable_children(save_type, **kwargs)
        children.update(self._parts.children(save_type))
        return children

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies carry the values; the module's files have to be where they are.

        Raises:
            WrongModeError: it lives in a graph, where the values are those of a session.
        """
        if self._callables.graph is not None:
            raise WrongModeError(_OF_A_GRAPH)
        return LoadedModule.restore, (PICKLE_VERSION, self._spec, state_of(self._callables))

    @classmethod
    def build(
        cls, spec: ModuleSpec, variants: tuple[Variant, Variant], trainable: Trainable, values: Values
    ) -> LoadedModule:
        """A module of two variants of a spec, for inference and for training, with these values."""
        variables = create_variables(list(dict.fromkeys(variants)), values, trainable, spec.name)
        return cls(spec, CallableVariants(variants, Resources(variables, spec.asset_paths)))

    @classmethod
    def restore(cls, version: int, spec: ModuleSpec, state: LoadedState) -> LoadedModule:
        """A module as it was when it was pickled, in this process or another one.

        Raises:
            UnsupportedFormatError: a newer tf1hub pickled it.
            ResolveError: files of the module are not where they were.
        """
        state = read_state(version, spec, state)
        check_files(spec)
        check_threads()
        with tf.init_scope():
            variants = spec.variant(state.inference), spec.variant(state.training)
            module = cls.build(spec, variants, state.trainable, from_nodes(state.variables))
            for node, contents in state.tables.items():
                module.callables.table(node).replace(*contents)
            return module

    def __repr__(self) -> str:
        trained = len(self.trainable_variables)
        lines = [*self._callables.describe(), f"{len(self.variables)} variables, {trained} of them trainable"]
        return f"<LoadedModule {self._spec.name}\n  " + "\n  ".join(lines) + ">"


def _keywords(variant: Variant, signature: str | None, given: list[str]) -> str:
    """What to write instead of keywords that a call does not have."""
    name, inputs = variant.check_signature(signature), variant.inputs(signature)
    names = ", ".join(map(repr, given))
    if not set(given) <= inputs.keys():
        return _UNKNOWN_KEYWORD.format(
            given=names, signature=name, where=variant.where, inputs=describe(inputs)
        )
    written = "{" + ", ".join(f"{key!r}: {key}" for key in given) + "}"
    chosen = "" if name == DEFAULT_SIGNATURE else f", signature={name!r}"
    return _BY_KEYWORD.format(given=names, written=written, signature=chosen)
