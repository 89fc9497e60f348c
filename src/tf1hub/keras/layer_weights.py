"""The variables and regularization losses of a module as those of a Keras layer.

A weight is the module's own variable: what an optimizer or a weights file writes is what the module
reads.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from tf1hub.keras.callee import Callee
from tf1hub.keras.traces import variables_read_by
from tf1hub.keras.which import is_keras_3, track_in_graph

# By variable, and by whether it is one to train. The weight keeps its variable, and with it the number.
_known: weakref.WeakValueDictionary[tuple[int, bool], Any] = weakref.WeakValueDictionary()


def give_weights(keras: Any, layer: Any, callee: Callee) -> list[Any]:
    """Makes the variables weights of a layer, and the regularization losses its losses while it is trainable.

    Returns:
        The weights, in the order of the module's variables.
    """
    trained = {id(variable) for variable in callee.trainable_variables}
    give = _give_keras_3 if is_keras_3(keras) else _give_keras_2
    return give(keras, layer, callee, trained)


def stand_ins(weights: Iterable[Any]) -> dict[int, Any]:
    """By a variable's identity the weight that stands for it; those that are the variable itself are left out."""
    return {id(weight.value): weight for weight in weights if not isinstance(weight, tf.Variable)}


def _give_keras_3(keras: Any, layer: Any, callee: Callee, trained: set[int]) -> list[Any]:
    weights = {
        id(variable): _weight(keras, layer, variable, id(variable) in trained)
        for variable in callee.variables
        # Keras knows no variables of text, and none that take values of any shape.
        if variable.shape.is_fully_defined() and variable.dtype != tf.string
    }
    own = [weights[id(variable)] for variable in callee.trainable_variables if id(variable) in weights]
    for weight in own:
        # By this Keras decides whether changing the layer's `trainable` changes the weight's.
        weight.trainable = True
    # What Keras 3 tracks, it finds in attributes.
    layer.module_weights = list(weights.values())
    for weight in own:
        # A model asks each weight for it, not the layer.
        weight.trainable = layer.trainable
    carried: dict[int, list[Callable[[], Any]]] = {}
    carriers = [id(variable) for variable in callee.trainable_variables if id(variable) in weights]
    for loss in callee.regularization_losses if carriers else ():
        read = {id(variable) for variable in variables_read_by(loss)}
        carrier = next((variable for variable in carriers if variable in read), carriers[0])
        carried.setdefault(carrier, []).append(loss)
    for carrier, losses in carried.items():
        # The regularizer of a weight counts once for all calls of the layer, and not where it is frozen.
        weights[carrier].regularizer = _regularizer(keras, losses)
    return list(weights.values())


def _weight(keras: Any, layer: Any, variable: Any, trained: bool) -> Any:
    if isinstance(variable, keras.Variable):
        return variable
    # A model updates each weight that it finds; two of one variable would both be updated.
    known = _known.get((id(variable), trained))
    if isinstance(known, keras.Variable) and known.trainable == (trained and layer.trainable):
        return known
    *scopes, name = variable.name.removesuffix(":0").split("/")
    with contextlib.ExitStack() as stack:
        for scope in (layer.name, *scopes):
            stack.enter_context(keras.name_scope(scope))
        weight = keras.Variable(variable, dtype=variable.dtype.name, trainable=trained, name=name)
    if weight.value is not variable:
        # Keras 3.5 and older make a copy where they are given a variable.
        weight._value = variable
    _known[id(variable), trained] = weight
    return weight


def _regularizer(keras: Any, losses: Sequence[Callable[[], Any]]) -> Any:
    class ModuleRegularizer(keras.regularizers.Regularizer):
        """The losses that a module has for one of its variables."""

        def __call__(self, weight: Any) -> Any:
            del weight  # the losses read it themselves
            return tf.add_n([loss() for loss in losses])

    return ModuleRegularizer()


def _give_keras_2(keras: Any, layer: Any, callee: Callee, trained: set[int]) -> list[Any]:
    variables = list(callee.variables)
    track_in_graph(keras, variables)
    # Keras 2 decides by the variable's own flag, and offers no other way to say which ones are trained.
    layer._trainable_weights.extend(variable for variable in variables if id(variable) in trained)
    layer._non_trainable_weights.extend(variable for variable in variables if id(variable) not in trained)
    for loss in callee.regularization_losses:
        layer.add_loss(_while_trainable(layer, loss))
    return variables


def _while_trainable(layer: Any, loss: Callable[[], Any]) -> Callable[[], Any]:
    # A frozen layer of the original library has its losses too, as zeros.
    return lambda: loss() if layer.trainable else tf.zeros([])
