"""The regularization losses of a variant as functions without arguments."""

from __future__ import annotations

import warnings
from typing import Any

import tensorflow as tf

from tf1hub.tf2.variant_state import VariantState


def regularization_losses(state: VariantState, as_functions: bool) -> list[Any]:
    """One `tf.function` for each loss of the variant that depends on variables alone.

    Args:
        state: of the variant.
        as_functions: otherwise a Python function, whose ops are those of the graph in which it is called.

    Losses that need an input are left out, with a warning: the Reusable SavedModel interface has no
    place for them.
    """
    return [loss_function(state, name) if as_functions else _loss(state, name) for name in loss_names(state)]


def loss_names(state: VariantState) -> list[str]:
    """The tensors of the losses that depend on variables alone; see `regularization_losses`."""
    names: list[str] = []
    for name in state.variant.collection("regularization_losses"):
        missing = state.placeholders([name])
        if missing:
            warnings.warn(
                f"The regularization loss {name!r} of {state.variant.where} is left out: it depends on the input "
                f"{', '.join(map(repr, missing))}, and regularization losses are called without inputs.",
                stacklevel=4,
            )
        else:
            names.append(name)
    return names


def loss_function(state: VariantState, name: str) -> Any:
    """The `tf.function` of a loss, traced."""
    loss = tf.function(_loss(state, name), autograph=False, input_signature=[])
    # Traced by a call, the losses of a few loaded modules look like one that is traced again and again.
    loss.get_concrete_function()
    return loss


def _loss(state: VariantState, name: str) -> Any:
    emit = state.runner([name])

    def regularization_loss() -> Any:
        return emit()[0]

    return regularization_loss
