"""An Estimator whose model_fn applies a module to strings."""
from __future__ import print_function

import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

modules, work = sys.argv[1:]
tf.logging.set_verbosity(tf.logging.ERROR)

SENTENCES = ["good film", "great plot", "great cat", "bad film", "awful plot", "bad dog"]
LABELS = [1, 1, 1, 0, 0, 0]


def input_fn():
  dataset = tf.data.Dataset.from_tensor_slices(({"sentence": SENTENCES}, LABELS))
  return dataset.repeat().batch(6).make_one_shot_iterator().get_next()


def eval_input_fn():
  dataset = tf.data.Dataset.from_tensor_slices(({"sentence": SENTENCES}, LABELS))
  return dataset.batch(6)


def model_fn(features, labels, mode, params):
  embedding = hub.Module(params["module"], trainable=params["trainable"])(features["sentence"])
  head = tf.get_variable("head", [8, 2], initializer=tf.zeros_initializer())
  logits = tf.matmul(embedding, head)
  predictions = {"classes": tf.argmax(logits, 1), "probabilities": tf.nn.softmax(logits)}
  if mode == tf.estimator.ModeKeys.PREDICT:
    return tf.estimator.EstimatorSpec(mode=mode, predictions=predictions)
  loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
  if mode == tf.estimator.ModeKeys.TRAIN:
    train_op = tf.train.GradientDescentOptimizer(0.5).minimize(loss, global_step=tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode=mode, loss=loss, train_op=train_op)
  metrics = {"accuracy": tf.metrics.accuracy(labels=labels, predictions=predictions["classes"])}
  return tf.estimator.EstimatorSpec(mode=mode, loss=loss, eval_metric_ops=metrics)


for trainable in (False, True):
  estimator = tf.estimator.Estimator(
      model_fn=model_fn, model_dir=os.path.join(work, "trainable_%s" % trainable),
      params={"module": os.path.join(modules, "text"), "trainable": trainable})
  estimator.train(input_fn=input_fn, steps=20)
  estimator.train(input_fn=input_fn, steps=20)
  result = estimator.evaluate(input_fn=eval_input_fn)
  print("trainable %s: step %d accuracy %.4f loss %.4f" % (
      trainable, result["global_step"], result["accuracy"], result["loss"]))
  classes = [int(p["classes"]) for p in estimator.predict(eval_input_fn)]
  print("classes:", classes)
