"""What a module computes in a graph: the numbers that its conversion has to give."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf1hub.errors import Error, UnsupportedGraphError
from tf1hub.graph.building import reason
from tf1hub.graph.definition import forget
from tf1hub.graph.evaluate import evaluating, evaluating_variants
from tf1hub.graph.inputs import convert_inputs
from tf1hub.spec.composite_arrays import RaggedArray, SparseArray
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.updates import updated_nodes
from tf1hub.spec.variant import Variant
from tf1hub.trial.chance import leaves_state, writes_variables_alone
from tf1hub.trial.shared_runs import Arrays, CannotRunError, Evaluate

FAILURES = (tf.errors.OpError, Error, ValueError, TypeError)
"""What running a signature on unsuitable inputs raises."""


class Original:
    """A module as a `tf1hub.Module` in a graph: an `Oracle`.

    Args:
        spec: the module.
        fresh: whether each call starts from the stored values, whatever the calls before wrote.
    """

    def __init__(self, spec: ModuleSpec, fresh: bool = False) -> None:
        self._spec = spec
        self._fresh = fresh
        self._open_shared: Callable[[Tags], Callable[..., Any]] | None = None
        self._left_state = False

    def check(self, variant: Variant, signature: str, feeds: Mapping[str, Any]) -> None:
        """Refuses inputs that a signature does not take; see `Oracle`."""
        convert_inputs(as_tensorflow_values(feeds), variant.inputs(signature), signature, variant.where)

    @contextlib.contextmanager
    def sharing(self) -> Iterator[None]:
        """A context in which the variants share their variables and tables; see `Oracle`."""
        with contextlib.ExitStack() as opened:
            restored = self._find_restored(self._spec.variants()) if self._fresh else set[str]()
            if restored is not None:
                self._open_shared = opened.enter_context(evaluating_variants(self._spec, _config(), restored))
            try:
                yield
            finally:
                self._open_shared = None
                opened.close()
                forget(self._spec)

    def _find_restored(self, variants: Sequence[Variant]) -> set[str] | None:
        """The variables that are given their first values again after each call; None where that does not do for all that calls
        leave behind."""
        writing = [variant for variant in variants if leaves_state(variant)]
        return updated_nodes(writing) if all(map(writes_variables_alone, writing)) else None

    @contextlib.contextmanager
    def open(self, variant: Variant) -> Iterator[Evaluate]:
        """A session with the variant; see `Oracle`."""
        restored = self._find_restored([variant]) if self._fresh else set[str]()
        with contextlib.ExitStack() as opened:

            def open_one() -> Callable[..., Any]:
                if self._open_shared is not None and not self._left_state:
                    with contextlib.suppress(UnsupportedGraphError):
                        return self._open_shared(variant.tags)
                function: Callable[..., Any] = opened.enter_context(
                    evaluating(self._spec, variant.tags, _config(), restored or ())
                )
                return function

            function = open_one()
            self._left_state = self._left_state or (not self._fresh and leaves_state(variant))

            def evaluate(signature: str, feeds: Mapping[str, Any]) -> Arrays:
                nonlocal function
                if restored is None:
                    opened.close()
                    function = open_one()
                with failures_told():
                    outputs = function(as_tensorflow_values(feeds), signature=signature, as_dict=True)
                return {key: _arrays(value) for key, value in outputs.items()}

            yield evaluate
        if self._open_shared is None:
            # The session is over, and these are as large as the graph.
            forget(self._spec)


def _config() -> Any:
    """That of a session which runs a few times: to optimize a graph takes far longer."""
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
    return config


@contextlib.contextmanager
def failures_told(*others: type[Exception]) -> Iterator[None]:
    """Says in a CannotRunError why something did not run.

    Args:
        others: what else is such a failure.

    Raises:
        CannotRunError: what is inside raised one of `FAILURES`, or of `others`.
    """
    try:
        yield
    except (*FAILURES, *others) as error:
        raise CannotRunError(reason(error)) from error


def as_tensorflow_values(feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Values for inputs as sessions and functions take them."""
    return {name: _as_tensorflow(value) for name, value in feeds.items()}


def dense_values(
    feeds: Mapping[str, Any],
    infos: Mapping[str, ParsedTensorInfo],
    names_of: Callable[[str, Mapping[str, ParsedTensorInfo]], list[str]],
) -> dict[str, Any]:
    """The arrays of which values for inputs consist.

    Args:
        feeds: a value for each input.
        infos: the signature's inputs.
        names_of: what the parts of one are called.
    """
    found: dict[str, Any] = {}
    for key, info in infos.items():
        value = _as_tensorflow(feeds[key])
        if info.is_sparse:
            parts = [value.indices, value.values, value.dense_shape]
        elif info.is_composite and isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
            parts = _arrays(value)
        else:
            parts = tf.nest.flatten(value, expand_composites=True) if info.is_composite else [value]
        found.update(zip(names_of(key, infos), map(np.asarray, parts), strict=True))
    return found


def _as_tensorflow(value: Any) -> Any:
    if isinstance(value, SparseArray):
        return tf.compat.v1.SparseTensorValue(*value)
    if isinstance(value, RaggedArray):
        nested = value.flat_values
        for splits in reversed(value.nested_row_splits):
            nested = tf.compat.v1.ragged.RaggedTensorValue(nested, splits)
        return nested
    return value


def _arrays(value: Any) -> list[Any]:
    """The arrays of an output of a session, in the order of its parts' names."""
    if isinstance(value, tf.compat.v1.SparseTensorValue):
        return list(value)
    if isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
        return [value.flat_values, *value.nested_row_splits]
    return [value]
