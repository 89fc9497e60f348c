"""Runs what a case describes, with either library: `hub` is tf1hub or tensorflow_hub.

It also runs on Python 3.6 and TensorFlow 1.7, as does all that it imports.
"""

from typing import Any

import numpy as np
import tensorflow as tf

tf1 = getattr(tf.compat, "v1", tf)


def run_call(hub: Any, path: str, tags: set, signature: str, inputs: dict) -> dict:
    """The values of all outputs of one signature."""
    with tf.Graph().as_default():
        module = hub.Module(path, tags=tags)
        outputs = module(feed(inputs), signature=signature, as_dict=True)
        with tf1.Session() as session:
            initialize(session)
            return session.run(outputs)


def run_finetuning_step(hub: Any, path: str, step: dict, inputs: dict) -> dict:
    """One step of gradient descent on the mean square of an output, `"default"` if the step names none, and the
    regularization losses.
    """
    with tf.Graph().as_default():
        module = hub.Module(path, trainable=True, tags=set(step["tags"]))
        output = module(feed(inputs), signature=step["signature"], as_dict=True)
        output = output[step.get("output", "default")]
        reg_loss = tf.add_n([*tf1.losses.get_regularization_losses(), tf.constant(0.0)])
        loss = tf.reduce_mean(tf.square(output)) + reg_loss
        variables = tf1.trainable_variables()
        gradients = {
            v.name: (v, tf.convert_to_tensor(gradient))
            for v, gradient in zip(variables, tf1.gradients(loss, variables))  # noqa: B905 - Python 3.7
            if gradient is not None
        }
        first = [loss, reg_loss, *(gradient for _, gradient in gradients.values())]
        with tf.control_dependencies(first):
            updates = [tf.group(update) for update in tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)]
        with tf.control_dependencies([*first, *updates]):
            train = tf.group(
                *(tf1.assign_sub(v, step["lr"] * gradient) for v, gradient in gradients.values())
            )
        with tf1.Session() as session:
            initialize(session)
            loss_value, reg_loss_value, _ = session.run([loss, reg_loss, train])
            after = {name: whole(session.run(value)) for name, value in module.variable_map.items()}
    return {"loss": loss_value, "reg_loss": reg_loss_value, "variables_after": after}


def feed(values: dict) -> dict:
    """Constants for the inputs; a dict of arrays makes a sparse or a ragged tensor."""
    return {name: constant(value) for name, value in values.items()}


def constant(value: Any) -> Any:
    if not isinstance(value, dict):
        return tf.constant(value)
    if "row_splits" in value:
        return tf.RaggedTensor.from_row_splits(value["values"], value["row_splits"])
    return tf.SparseTensor(**value)


def whole(value: Any) -> Any:
    """The parts of a partitioned variable put together."""
    return np.concatenate(value) if isinstance(value, list) else value


def initialize(session: Any) -> None:
    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
