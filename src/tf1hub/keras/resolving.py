"""From the handle of a layer to what it calls."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tf1hub.arguments import handle_text
from tf1hub.errors import (
    HandleError,
    LayerConfigError,
    LayerError,
    OfflineError,
    UnknownSignatureError,
)
from tf1hub.graph import Module
from tf1hub.handles import resolve
from tf1hub.keras.callee import Callee, LoadedSource, ModuleCallee
from tf1hub.keras.choice import Choice
from tf1hub.keras.other_callees import FunctionCallee, SignatureCallee
from tf1hub.keras.restored import RestoredSource, restored_source
from tf1hub.spec.module_spec import ModuleSpec, Tags
from tf1hub.spec.permission import Trust
from tf1hub.tf2.load import is_saved_model, load, load_saved_model, local_directory
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.variables import Trainable, choose_trainable

_NO_GRAPH = (
    "outputs= names tensors of a TF1 module's graph, and {where} is none. Of a TF1 module, give the handle; where it was "
    "converted, convert it with these outputs: tf1hub.convert(tf1hub.load(handle).with_outputs({outputs!r}), path)"
)


def load_object(handle: Any, tags: Tags, trainable: Trainable, load_options: Any, trust: Trust = None) -> Any:
    """The loaded object behind a handle; an object that is no handle is itself.

    Raises:
        HandleError: neither a handle nor an object that can be called or has signatures.
        LayerError: `load_options` are none.
    """
    if load_options is not None and not isinstance(load_options, tf.saved_model.LoadOptions):
        raise LayerError(
            f"load_options= is a tf.saved_model.LoadOptions, or None; it was given {load_options!r}."
        )
    if isinstance(handle, Module):
        raise HandleError(
            "tf1hub.KerasLayer was given a tf1hub.Module, which is a part of its tf.Graph. Give the handle that the "
            "Module was made from; or what module.export(path, session) wrote, with the values of the session."
        )
    if isinstance(handle, str | os.PathLike | ModuleSpec):
        # Which variables are trained now is the layer's affair, and may change; a choice of some is kept.
        chosen = True if isinstance(trainable, bool) else trainable
        if isinstance(handle, ModuleSpec):
            return load(handle, tags, chosen, load_options, trust=trust)
        path = local_directory(os.fspath(handle))
        # The layer itself chooses among the variables of a SavedModel.
        return (
            load_saved_model(path, tags, load_options, trust)
            if is_saved_model(path)
            else load(path, tags, chosen, load_options, trust=trust)
        )
    if not callable(handle) and not hasattr(handle, "signatures"):
        handle_text(
            handle, "tf1hub.KerasLayer also takes what can be called, such as tf1hub.load(handle) gives."
        )
    if tags is not None or load_options is not None:
        raise LayerError(
            "tags= and load_options= are for loading, and tf1hub.KerasLayer was given an object that is loaded. "
            "Pass them to tf1hub.load."
        )
    return handle


def check_trusted(handle: str) -> None:
    """Checks that a handle out of a saved model stands for what this machine has already.

    A module is a program, and a file that someone sent may name any.

    Raises:
        LayerConfigError: it would have to be downloaded.
    """
    try:
        resolve(handle, offline=True)
    except OfflineError as error:
        raise LayerConfigError(
            f"The saved model has a KerasLayer of {handle}, which is not on this machine: loading the model would "
            f"download a program and run it. If you trust it, fetch it first with tf1hub.resolve({handle!r}), or load "
            "the model with safe_mode=False."
        ) from error


def callee_of(loaded: Any, choice: Choice, trainable: Trainable, where: str, was_given: bool) -> Callee:
    """What a layer calls of a loaded object.

    Args:
        loaded: the object.
        choice: what to call and to return.
        trainable: which variables the layer is to train.
        where: the object in words, for messages.
        was_given: whether the layer's user loaded it, without regard to `trainable`.

    Raises:
        UnknownSignatureError: there is no such signature, or one has to be chosen.
        UnknownNameError: there is no such output or variable.
        LayerError: the choices do not go together.
    """
    if isinstance(loaded, LoadedModule):
        if choice.outputs is not None:
            loaded = loaded.with_outputs(choice.outputs, choice.signature)
        callee: Callee = ModuleCallee(LoadedSource(loaded), choice)
        # Otherwise it was loaded for this layer, with the choice.
        return _choose_variables(callee, trainable, where) if was_given else callee
    if choice.outputs is not None:
        raise LayerError(_NO_GRAPH.format(where=where, outputs=choice.outputs))
    module = restored_source(loaded, where)
    if module is not None:
        choice = _by_signature(choice)
        if choice.signature in (None, *module.signature_names):
            return _choose_variables(ModuleCallee(module, choice), trainable, where)
    if choice.signature is not None:
        if trainable is not False and choice.signature in (getattr(loaded, "signatures", None) or {}):
            raise LayerError(
                f"trainable=True does not go with signature={choice.signature!r}: the signatures of a SavedModel are "
                f"for inference. {_instead(loaded, module, choice.signature, where)}"
            )
        return SignatureCallee(loaded, choice, where)
    if not callable(loaded):
        signatures = ", ".join(sorted(loaded.signatures))
        raise UnknownSignatureError(
            f"{where} cannot be called; it has signatures only: {signatures}. Choose one with signature=..., and "
            "output_key=... or signature_outputs_as_dict=True."
        )
    if choice.as_dict:
        raise LayerError(
            f"signature_outputs_as_dict=True is for a signature, and none is chosen of {where}, which returns what it "
            "returns. Leave it out, or choose one with signature=..."
        )
    return _choose_variables(FunctionCallee(loaded, choice, where), trainable, where)


def _by_signature(choice: Choice) -> Choice:
    """The choice for a TF1 module, of one that says by `arguments` how the module is to be called."""
    arguments = dict(choice.arguments)
    if choice.signature is not None or not arguments.keys() <= {"signature", "as_dict"}:
        return choice
    as_dict = arguments.get("as_dict", False) and choice.output_key is None
    return Choice(arguments.get("signature"), choice.as_dict or as_dict, choice.output_key)


def _instead(loaded: Any, module: RestoredSource | None, signature: str, where: str) -> str:
    if module is not None:
        return f"This one was made of a TF1 module, and is trained by these: {', '.join(module.signature_names)}."
    if callable(loaded):
        return f"Leave signature= out: {where} can be called, and trained so."
    return (
        f"{where} has nothing else. Make a module of it: tf1hub.KerasLayer(tf1hub.create_module_spec_from_saved_model("
        f"{where!r}), tags={{'serve'}}, signature={signature!r}, trainable=True); or use it frozen: trainable=False."
    )


def _choose_variables(callee: Callee, trainable: Trainable, where: str) -> Callee:
    """The same callee, which trains only the variables that a predicate takes, or that are named or lie below a named scope."""
    if not isinstance(trainable, bool):
        named = {callee.name_of(variable): variable for variable in callee.choosable_variables}
        chosen = choose_trainable(
            trainable, named, {name: {name} for name in named}, where, "trainable variables"
        )
        trained = {id(named[name]) for name in chosen}
        callee.trainable_variables = [v for v in callee.trainable_variables if id(v) in trained]
    return callee
