"""Training in a MonitoredTrainingSession that stops, starts again from its checkpoint, and a Saver."""
import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

modules, work = sys.argv[1:]
train_dir = os.path.join(work, "train")


def build():
  module = hub.Module(os.path.join(modules, "text"), trainable=True)
  scores = tf.reduce_sum(module(tf.constant(["good film", "bad film", "great plot"])), 1)
  loss = tf.losses.mean_squared_error([1.0, -1.0, 1.0], scores)
  global_step = tf.train.get_or_create_global_step()
  train_op = tf.train.GradientDescentOptimizer(0.05).minimize(loss, global_step=global_step)
  return module, loss, global_step, train_op


def run(last_step):
  with tf.Graph().as_default():
    _, loss, global_step, train_op = build()
    hooks = [tf.train.StopAtStepHook(last_step=last_step), tf.train.NanTensorHook(loss)]
    with tf.train.MonitoredTrainingSession(checkpoint_dir=train_dir, hooks=hooks, save_checkpoint_steps=10,
                                           save_summaries_steps=None, log_step_count_steps=None) as sess:
      first = sess.run(global_step)
      while not sess.should_stop():
        value, step, _ = sess.run([loss, global_step, train_op])
    print("from step %d to step %d: loss %.4f" % (first, step, value))


run(5)
run(12)
print("checkpoint:", os.path.basename(tf.train.latest_checkpoint(train_dir)))

with tf.Graph().as_default():
  module, loss, global_step, _ = build()
  saver = tf.train.Saver()
  with tf.Session() as sess:
    sess.run(tf.tables_initializer())
    saver.restore(sess, tf.train.latest_checkpoint(train_dir))
    print("restored: step %d loss %.4f" % tuple(sess.run([global_step, loss])))
    print("sum of embeddings %.4f" % np.sum(sess.run(module.variable_map["embeddings"])))
    module.export(os.path.join(work, "trained"), sess)
with hub.eval_function_for_module(os.path.join(work, "trained")) as f:
  print("exported: %.4f" % np.sum(f(["good film"])))
