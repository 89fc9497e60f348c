"""What a golden case expects of a module in TensorFlow 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from golden import cases


def feeds(case: cases.Case, keys: dict[str, Any]) -> dict[str, Any]:
    values = case.values(keys)
    return {
        name: tf.SparseTensor(**v) if isinstance(v, dict) else tf.constant(v) for name, v in values.items()
    }


def only(inputs: dict[str, Any]) -> Any:
    """A single input goes in as it is; a restored function takes a SparseTensor in no other way."""
    return next(iter(inputs.values())) if len(inputs) == 1 else inputs


def check_calls(case: cases.Case, module: Any, restore: Any) -> None:
    for call in case.calls:
        training = bool(call["tags"])
        inputs = only(feeds(case, call["inputs"]))
        outputs = module(inputs, training=training, signature=call["signature"], as_dict=True)
        for name, expected in case.values(call["outputs"]).items():
            cases.assert_matches(outputs[name], expected)
        if training:
            restore()


def restorer(module: Any) -> Any:
    values = [variable.numpy() for variable in module.variables]

    def restore() -> None:
        for variable, value in zip(module.variables, values, strict=True):
            variable.assign(value)

    return restore


def check_finetuning(case: cases.Case, module: Any, compiled: bool = False) -> None:
    step = case.finetune
    assert step is not None
    inputs = only(feeds(case, step["inputs"]))
    trainable = list(module.trainable_variables)

    def train() -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            regularization = tf.add_n([loss() for loss in module.regularization_losses] + [tf.zeros([])])
            output = module(inputs, training=True, signature=step["signature"])
            loss = tf.reduce_mean(tf.square(output)) + regularization
        for variable, gradient in zip(trainable, tape.gradient(loss, trainable), strict=True):
            if gradient is not None:
                variable.assign_sub(step["lr"] * tf.convert_to_tensor(gradient))
        return loss, regularization

    loss, regularization = tf.function(train)() if compiled else train()
    cases.assert_matches(loss.numpy(), case.value(step["loss"]))
    cases.assert_matches(regularization.numpy(), case.value(step["reg_loss"]))
    after = {variable.name.removesuffix(":0"): variable.numpy() for variable in module.variables}
    for name, key in step["variables_after"].items():
        parts = (
            [after[name]]
            if name in after
            else [after[n] for n in sorted(after) if n.startswith(name + "/part_")]
        )
        cases.assert_matches(np.concatenate(parts) if len(parts) > 1 else parts[0], case.value(key))


def check_served(case: cases.Case, signatures: Any) -> None:
    """Calls the signatures as serving tools do: with dense tensors under their names."""
    for call in case.calls:
        if not call["tags"]:
            inputs = {
                name if isinstance(value, tf.Tensor) else f"{name}_{part}": getattr(value, part, value)
                for name, value in feeds(case, call["inputs"]).items()
                for part in (["-"] if isinstance(value, tf.Tensor) else ["indices", "values", "dense_shape"])
            }
            outputs = signatures[call["signature"]](**inputs)
            for output, expected in case.values(call["outputs"]).items():
                if isinstance(expected, dict):
                    for part, array in expected.items():
                        cases.assert_matches(outputs[f"{output}_{part}"], array)
                else:
                    cases.assert_matches(outputs[output], expected)
