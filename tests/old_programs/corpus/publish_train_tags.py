"""A publisher: two graph variants with batch norm and dropout, shared variables, exported from training."""
from __future__ import print_function

import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

EXPORT_PATH = os.path.join(sys.argv[1], "module")


def initializer(seed, *shape):
  return tf.constant_initializer(np.random.RandomState(seed).normal(size=shape).astype(np.float32) * 0.5)


def module_fn(is_training):
  x = tf.placeholder(tf.float32, shape=[None, 5], name="x")
  layer1 = tf.layers.dense(x, 6, kernel_initializer=initializer(1, 5, 6),
                           kernel_regularizer=tf.contrib.layers.l2_regularizer(0.01))
  layer1 = tf.nn.relu(tf.layers.batch_normalization(layer1, training=is_training, momentum=0.5))
  layer1 = tf.layers.dropout(layer1, rate=0.0, training=is_training)
  layer2 = tf.layers.dense(layer1, 3, kernel_initializer=initializer(2, 6, 3))
  hub.add_signature(inputs=dict(x=x), outputs=dict(default=layer2, hidden_activations=layer1))


spec = hub.create_module_spec(
    module_fn, tags_and_args=[({"train"}, {"is_training": True}), (set(), {"is_training": False})])
print("tags:", sorted(sorted(tags) for tags in spec.get_tags()))

data = np.random.RandomState(3).uniform(-1, 1, (40, 5)).astype(np.float32)
with tf.Graph().as_default():
  module = hub.Module(spec, trainable=True, tags={"train"})
  loss = tf.reduce_mean(tf.square(module(dict(x=data)) - data[:, 1:4])) + tf.losses.get_regularization_loss()
  update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
  print("update ops:", len(update_ops), "trainable:", len(tf.trainable_variables()),
        "regularization losses:", len(tf.losses.get_regularization_losses()))
  with tf.control_dependencies(update_ops):
    train_op = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
  with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(30):
      value, _ = sess.run([loss, train_op])
      if step % 10 == 0:
        print("step %d loss %.4f" % (step, value))
    module.export(EXPORT_PATH, sess)

with tf.Graph().as_default():
  inference = hub.Module(EXPORT_PATH)
  outputs = inference(dict(x=data[:2]), as_dict=True)
  with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for row in sess.run(outputs["default"]):
      print("%.4f %.4f %.4f" % tuple(row))
    print("moving mean %.4f" % np.mean(sess.run(inference.variable_map["batch_normalization/moving_mean"])))
