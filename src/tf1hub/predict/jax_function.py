"""`tf1hub.to_jax`: a signature as a pure function of its variables and inputs."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.module_code import ModuleCode
from tf1hub.errors import CheckpointError, InputError, MissingDependencyError, UnsupportedGraphError
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.graphdef import op_types
from tf1hub.graphdef.walk import ancestors
from tf1hub.predict.array_inputs import ArrayInterface, fits_shape
from tf1hub.predict.prepared_inputs import Prepared, check_width
from tf1hub.spec.module_spec import ModuleSpec, Tags, choose_variants, load_module_spec
from tf1hub.spec.module_variables import read_variables
from tf1hub.spec.permission import Trust
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.trust.refusal import check_signature, check_state

if TYPE_CHECKING:
    from tf1hub.arrays.jax_parts import Parts

Params = dict[str, Any]


def to_jax(
    handle: ModuleSpec | str | os.PathLike[str],
    signature: str | None = None,
    tags: Tags = None,
    training: bool = False,
    *,
    trust: Trust = None,
) -> tuple[JaxFunction, Params]:
    """A signature of a module as a pure function for JAX: for `jit`, `grad`, `vmap` and sharding. It needs no TensorFlow.

    Example:
        >>> import jax, tf1hub as hub
        >>> function, params = hub.to_jax("tests/golden/modules/half_plus_two/module")
        >>> sorted(params)
        ['a', 'b']
        >>> jax.jit(function)(params, [[1.0], [2.0]])["default"].tolist()
        [[2.5], [3.0]]
        >>> gradients = jax.grad(lambda params: function(params, [[4.0]])["default"].sum())(params)
        >>> gradients["a"].tolist(), gradients["b"].tolist()
        (4.0, 1.0)

    Args:
        handle: a handle or a ModuleSpec.
        signature: the signature's name; None is `"default"`.
        tags: the graph variant; None is the inference variant, or `{"train"}` with `training`.
        training: whether the module's update ops run, and the variant `{"train"}` is taken where there is one.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything.

    Returns:
        The function, and the values of the module's variables: a dict of arrays by the names that
        `tf1hub.read_variables` has; partitioned variables are whole.

    Raises:
        MissingDependencyError: JAX is not installed.
        ResolveError: the module could not be obtained.
        FormatError: it is damaged.
        UnknownTagsError: no variant has these tags.
        UnknownSignatureError: the variant has no such signature.
        TrustError: the signature does what nobody allowed.
        UnsupportedGraphError: op types are missing, all of which are listed; or the graph cannot be read.
        CheckpointError: the variables have no values.
    """
    if importlib.util.find_spec("jax") is None:
        raise MissingDependencyError(
            "tf1hub.to_jax needs jax, which is not installed. Install with: pip install 'tf1hub[jax]'"
        )
    spec = load_module_spec(handle, trust=trust)
    variant = choose_variants(spec, tags)[1 if training else 0]
    name = variant.check_signature(DEFAULT_SIGNATURE if signature is None else signature)
    spec.check_assets(variant)
    check_state(spec, [variant])
    check_signature(variant, name)
    function = JaxFunction(spec, variant, name, training)
    return function, function.initial_params()


class JaxFunction:
    """A signature as a pure function; `tf1hub.to_jax` makes it.

    Args:
        spec: the module.
        variant: one of its variants.
        signature: the signature's name.
        training: whether the variant's update ops run.

    Attributes:
        trainable: the names of the variables that the publisher marked trainable.
        written: the names of the variables that a call writes.
    """

    def __init__(self, spec: ModuleSpec, variant: Variant, signature: str, training: bool) -> None:
        from tf1hub.arrays.jax_parts import cut_for_jax

        self._spec = spec
        self._variant = variant
        self._signature = signature
        self._module = ModuleCode(spec, variant)
        self._interface = _Interface(
            variant.inputs(signature), variant.outputs(signature), signature, variant.where
        )
        code = self._module.signature(signature)
        updates = _updates(variant, code.arguments) if training else []
        self._parts: Parts = cut_for_jax(self._module, code.arguments, code.fetches, updates)
        self._check()
        self._names = {variable.node: variable for variable in variant.variables}
        program = self._parts.device.program
        self._written_nodes = frozenset(self._module.written_nodes(program))
        self.written = frozenset(self._names[node].name for node in self._written_nodes)
        self.trainable = frozenset(self._names[node].name for node in variant.trainable_nodes)
        self._losses = _losses(variant, self._module)

    @property
    def inputs(self) -> dict[str, ParsedTensorInfo]:
        """The inputs: name to type and shape."""
        return self._variant.inputs(self._signature)

    @property
    def needs_host(self) -> bool:
        """Whether something of an input has to be known before JAX traces."""
        return self._parts.host is not None or bool(self._parts.known)

    @property
    def draws(self) -> bool:
        """Whether a call draws random numbers, and so needs a key."""
        library, program = self._module.library, self._parts.device.program
        nodes = [op.node.definition for op, _ in program.ops()]
        kinds = {node.op for node in [*nodes, *library.functions.nodes_used(nodes)]}
        return any(
            (kernel := kernel_of(kind)) is not None
            and kernel.form == "draws"
            and not kind.startswith("Stateless")
            for kind in kinds
        )

    @property
    def module(self) -> ModuleCode:
        """The variant as programs over arrays."""
        return self._module

    def initial_params(self) -> Params:
        """The values that the module has, by the names of its variables; arrays of JAX."""
        import jax.numpy as jnp

        return {name: jnp.asarray(value) for name, value in self.stored_params().items()}

    def stored_params(self) -> Params:
        """The same as they are stored: NumPy's arrays, which no device has yet."""
        names = dict.fromkeys(variable.name for variable in self._variant.variables)
        if names and self._spec.checkpoint is None:
            raise CheckpointError(
                f"The variables of {self._spec.name} have no values, because it has no checkpoint. Those that its "
                "initializers give: tf1hub.initial_values(spec)"
            )
        values = read_variables(self._spec) if names else {}
        return {name: values[name] for name in names}

    def __call__(self, params: Mapping[str, Any], inputs: Any = None, key: Any = None) -> dict[str, Any]:
        """The outputs.

        Args:
            params: the variables, by name.
            inputs: a dict of arrays by the names of the inputs, or the value of the only one; None where there is none.
                A sparse input is a `tf1hub.SparseArray`.
            key: of `jax.random`, for a signature that draws random numbers.

        Returns:
            Arrays by the names of the outputs.

        Raises:
            InputError: an input is missing, extra, or of another type or shape; no key; or an op cannot compute with what
                it is given, or cannot be traced.
            UnsupportedGraphError: a choice or a loop cannot be traced.
        """
        return self.apply(params, inputs, key)[0]

    def apply(
        self, params: Mapping[str, Any], inputs: Any = None, key: Any = None
    ) -> tuple[dict[str, Any], Params]:
        """The outputs, and the variables as they are after the call: the new state of those in `written`.

        Arguments and errors are those of a call.
        """
        return self.run(params, self.prepare(inputs), key)

    def prepare(self, inputs: Any = None) -> Prepared:
        """What runs in NumPy on the host before JAX traces anything: strings, tables, and what decides shapes.

        A call does it by itself. Where strings are among the inputs, JAX cannot trace a whole call: prepare the inputs,
        and trace `run`.

        Args:
            inputs: as for a call.

        Returns:
            A pytree of arrays. `jax.jit` traces anew where the numbers that decide shapes change.
        """
        return self.prepare_arrays(self._interface.arrays(inputs))

    def prepare_arrays(self, feeds: Mapping[str, Any]) -> Prepared:
        """The same for the arrays behind the inputs, by the names of the module's tensors."""
        import jax

        parts = self._parts
        arrays = feeds
        needed = [] if parts.host is None else [*self._host_arguments]
        needed += [name for name in parts.known if name in feeds]
        if any(isinstance(feeds[name], jax.core.Tracer) for name in needed):
            raise InputError(
                "What decides shapes or is text is computed in NumPy, and JAX traces it: "
                f"{', '.join(sorted(set(needed)))}. Call function.prepare(inputs) outside of jax.jit, grad or vmap, and "
                "trace function.run(params, prepared) in place of the whole call."
            )
        if parts.host is not None:
            given = [np.asarray(feeds[name]) for name in self._host_arguments]
            arrays = {**feeds, **dict(zip(parts.handed, self._module.run(parts.host, given), strict=True))}
        fixed = {
            name: np.asarray(arrays[name])
            for name in parts.arguments
            if name in parts.known or arrays[name].dtype == object
        }
        traced = {name: arrays[name] for name in parts.arguments if name not in fixed}
        for name, value in traced.items():
            check_width(name, value)
        return Prepared(traced, fixed)

    def run(
        self, params: Mapping[str, Any], prepared: Prepared, key: Any = None
    ) -> tuple[dict[str, Any], Params]:
        """`apply` for what `prepare` gave: pure, and nothing in it is text.

        Args:
            params: the variables, by name.
            prepared: what `prepare` gave.
            key: of `jax.random`, for a signature that draws random numbers.
        """
        results, written = self.compute(params, prepared, key)
        found = dict(zip(self._parts.fetches, results, strict=True))
        found.update((name, value) for name, value in prepared.fixed.items() if name in found)
        return self._interface.results(found), {**params, **written}

    def compute(
        self, params: Mapping[str, Any], prepared: Prepared, key: Any = None
    ) -> tuple[list[Any], Params]:
        """The tensors behind the outputs, None for texts that `prepare` gave; and the variables that were written."""
        from tf1hub.arrays.jax_backend import JaxBackend
        from tf1hub.arrays.keys import KeyRandom, NoKey
        from tf1hub.arrays.run_state import RunState

        random = NoKey(f"The signature {self._signature!r}") if key is None else KeyRandom(key)
        values = _ByNode(params, self._names)
        state = RunState(values, self._module.table)
        given = {**prepared.arrays, **prepared.fixed}
        arguments = [given[name] for name in self._parts.arguments]
        backend = JaxBackend(self._written_nodes)
        results = self._module.run(self._parts.device, arguments, state, random, backend)
        texts = {name for name, value in prepared.fixed.items() if value.dtype == object}
        found = [
            None if name in texts else value for name, value in zip(self._parts.fetches, results, strict=True)
        ]
        return found, values.update_params(state.written)

    def regularization(self, params: Mapping[str, Any]) -> Any:
        """The sum of the module's regularization losses, which depend on its variables alone; 0 where it has none."""
        import jax.numpy as jnp

        from tf1hub.arrays.jax_backend import JaxBackend
        from tf1hub.arrays.keys import NoKey
        from tf1hub.arrays.run_state import RunState

        state = RunState(_ByNode(params, self._names), self._module.table)
        place = NoKey("A regularization loss")
        losses = self._module.run(self._losses, [], state, place, JaxBackend())
        return sum(losses, jnp.zeros([], np.float32))

    def split(self, params: Mapping[str, Any]) -> tuple[Params, Params]:
        """The variables to train, and the others: `{**trainable, **others}` are all of them."""
        trainable = {name: value for name, value in params.items() if name in self.trainable}
        return trainable, {name: value for name, value in params.items() if name not in self.trainable}

    @property
    def _host_arguments(self) -> tuple[str, ...]:
        assert self._parts.host is not None
        return tuple("{}:{}".format(*tensor) for tensor in self._parts.host.arguments)

    def _check(self) -> None:
        parts = self._parts
        missing: dict[str, list[str]] = {}
        for code in (parts.host, parts.device):
            if code is not None:
                missing.update(self._module.library.missing(code.program))
        if missing:
            listed = "".join(
                f"\n  - the op type {kind} ({len(nodes)}, such as {min(nodes)!r})"
                for kind, nodes in sorted(missing.items())
            )
            raise UnsupportedGraphError(
                f"The signature {self._signature!r} of {self._variant.where} cannot become a function of JAX. The table of "
                f"ops lacks:{listed}"
            )

    def __repr__(self) -> str:
        return f"<function of JAX: signature {self._signature!r} of {self._variant.where}>"


class _ByNode(Mapping[str, Any]):
    """Variables by the nodes that hold them; a node may hold a part of one."""

    def __init__(self, params: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self._params = params
        self._names = names

    def __getitem__(self, node: str) -> Any:
        variable = self._names[node]
        try:
            value = self._params[variable.name]
        except KeyError:
            raise InputError(
                f"params lacks the variable {variable.name!r}. It has: {', '.join(sorted(self._params))}."
            ) from None
        return value if variable.slice is None else value[variable.slice.cut]

    def __contains__(self, node: object) -> bool:
        return node in self._names and self._names[str(node)].name in self._params

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def update_params(self, written: Mapping[str, Any]) -> Params:
        """The variables behind the nodes that were written."""
        import jax.numpy as jnp

        params: Params = {}
        for node, value in written.items():
            variable = self._names[node]
            if variable.slice is not None:
                whole = params.get(variable.name, self._params[variable.name])
                value = jnp.asarray(whole).at[variable.slice.cut].set(value)
            params[variable.name] = value
        return params


def _updates(variant: Variant, fed: Iterable[str]) -> list[str]:
    """The update ops that depend on no placeholder beside the inputs, such as another signature's."""
    given = set(fed)
    nodes = dict.fromkeys(map(node_of, variant.collection("update_ops")))
    return [node for node in nodes if not _placeholders(variant, node, given)]


def _losses(variant: Variant, module: ModuleCode) -> Any:
    """The regularization losses that depend on variables alone."""
    names = dict.fromkeys(map(tensor_name, variant.collection("regularization_losses")))
    return module.code([name for name in names if not _placeholders(variant, node_of(name))])


def _placeholders(variant: Variant, node: str, given: Collection[str] = ()) -> list[str]:
    return [
        name
        for name in ancestors(variant.nodes, [node], given)
        if variant.nodes[name].op in op_types.PLACEHOLDERS
    ]


class _Interface(ArrayInterface):
    """Inputs that may be arrays of JAX, traced ones among them."""

    def _parts(self, value: Any, name: str, info: ParsedTensorInfo) -> Sequence[Any] | None:
        import jax

        dtype = self._dtypes[name]
        if info.is_sparse and isinstance(value, tuple) and any(isinstance(each, jax.Array) for each in value):
            return value
        if isinstance(value, list) and any(isinstance(each, jax.Array) for each in jax.tree.leaves(value)):
            value = jax.numpy.asarray(value)
        if info.is_sparse or info.is_composite or not isinstance(value, jax.Array):
            return super()._parts(value, name, info)
        wanted = jax.dtypes.canonicalize_dtype(dtype)
        if not np.can_cast(value.dtype, wanted, "same_kind") or not fits_shape(value.shape, info.shape):
            return None
        return [value.astype(wanted)]
