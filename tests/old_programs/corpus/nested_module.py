"""A module made of another one, with a layer on top, trained and exported as one."""
import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

modules, work = sys.argv[1:]


def module_fn():
  sentences = tf.placeholder(tf.string, [None])
  embed = hub.Module(os.path.join(modules, "text"), trainable=True, name="inner")
  kernel = tf.get_variable("kernel", [8, 2], initializer=tf.constant_initializer(
      np.random.RandomState(9).uniform(-1, 1, (8, 2)).astype(np.float32)))
  features = embed(sentences)
  hub.add_signature(inputs=sentences, outputs=dict(default=tf.matmul(features, kernel), features=features))


spec = hub.create_module_spec(module_fn)
with tf.Graph().as_default():
  m = hub.Module(spec, trainable=True)
  loss = tf.reduce_mean(tf.square(m(["good film", "bad plot"]) - tf.eye(2)))
  train_op = tf.train.GradientDescentOptimizer(0.2).minimize(loss)
  print("variables:", sorted(m.variable_map))
  with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    for _ in range(5):
      value, _ = sess.run([loss, train_op])
    print("loss after 5 steps: %.4f" % value)
    m.export(os.path.join(work, "nested"), sess)

with tf.Graph().as_default():
  m = hub.Module(os.path.join(work, "nested"))
  logits = m(["good film", "bad plot", "unknown words"])
  with tf.train.SingularMonitoredSession() as sess:
    for row in sess.run(logits):
      print("%.4f %.4f" % tuple(row))
