"""Moving averages and checkpoints by name around modules, in monitored sessions with a Scaffold."""
from __future__ import print_function

import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

modules, work = sys.argv[1:]
tf.logging.set_verbosity(tf.logging.ERROR)
rng = np.random.RandomState(19)
images = rng.uniform(0, 0.6, (8, 8, 8, 3)).astype(np.float32)
labels = np.arange(8) % 2
images[np.arange(8), :, :, labels] += 0.3


def logits_fn(trainable):
  module = hub.Module(os.path.join(modules, "image"), trainable=trainable, name="tower")
  features = module(images)
  with tf.variable_scope("head"):
    weights = tf.get_variable("weights", [6, 2], initializer=tf.zeros_initializer())
  return tf.matmul(features, weights)


class LoadHook(tf.train.SessionRunHook):
  """Sets the head's weights once the session is there."""

  def begin(self):
    self.weights = [v for v in tf.trainable_variables() if v.op.name == "head/weights"][0]

  def after_create_session(self, session, coord):
    self.weights.load(np.full([6, 2], 0.25, np.float32) * [[1, -1]], session)


print("training")
with tf.Graph().as_default():
  logits = logits_fn(True)
  loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
  global_step = tf.train.get_or_create_global_step()
  print("uninitialized", len(tf.report_uninitialized_variables().op.inputs) > 0)
  optimizer = tf.train.MomentumOptimizer(0.2, 0.9)
  grads = optimizer.compute_gradients(loss, tf.trainable_variables())
  grads = [(tf.clip_by_value(grad, -1.0, 1.0), var) for grad, var in grads]
  apply_op = optimizer.apply_gradients(grads, global_step=global_step)
  ema = tf.train.ExponentialMovingAverage(0.5, global_step)
  with tf.control_dependencies([apply_op]):
    train_op = ema.apply(tf.trainable_variables())
  scaffold = tf.train.Scaffold(saver=tf.train.Saver(max_to_keep=2))
  with tf.train.MonitoredTrainingSession(checkpoint_dir=work, scaffold=scaffold, save_checkpoint_secs=None,
                                         save_checkpoint_steps=10, save_summaries_steps=None,
                                         save_summaries_secs=None, log_step_count_steps=None,
                                         hooks=[LoadHook(), tf.train.StopAtStepHook(10)]) as session:
    while not session.should_stop():
      _, value = session.run([train_op, loss])
      print("%.4f" % value)
checkpoint = tf.train.latest_checkpoint(work)
stored = dict(tf.train.list_variables(checkpoint))
print("\n".join(sorted(name for name in stored if "tower" in name or "head" in name)))


def evaluate(name, prepare):
  with tf.Graph().as_default():
    logits = logits_fn(False)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    in_session = prepare()
    scaffold = tf.train.Scaffold(init_fn=(lambda _, session: in_session(session)) if in_session else None)
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as session:
      print(name, "%.4f" % session.run(loss))


def by_variable():
  variables = tf.global_variables("tower") + tf.global_variables("head")
  tf.train.init_from_checkpoint(checkpoint, {v.op.name: v for v in variables})


def averages():
  restorer = tf.train.Saver(tf.train.ExponentialMovingAverage(0.5).variables_to_restore(
      tf.global_variables("tower") + tf.global_variables("head")))
  return lambda session: restorer.restore(session, checkpoint)


def saver_by_scope():
  restorers = [tf.train.Saver(tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope=scope))
               for scope in ("tower", "head")]

  def restore(session):
    for restorer in restorers:
      restorer.restore(session, checkpoint)
  return restore


def warm_start():
  tf.train.warm_start(checkpoint, ["tower/.*", "head/.*"])


evaluate("untrained", lambda: None)
evaluate("by variable", by_variable)
evaluate("averages", averages)
evaluate("saver by scope", saver_by_scope)
evaluate("warm start", warm_start)
