"""A slim classifier on image features, trained with slim's train op."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim
import tensorflow_hub as hub
from tensorflow.contrib import layers as contrib_layers
from tensorflow.contrib.framework import arg_scope

rng = np.random.RandomState(12)
labels = np.arange(24) % 3
images = rng.uniform(0, 0.6, (24, 8, 8, 3)).astype(np.float32)
images[np.arange(24), :, :, labels] += 0.4

hparams = tf.contrib.training.HParams(learning_rate=0.5, hidden=[8], weight_decay=0.001)
hparams.parse("learning_rate=0.05,hidden=[10,6]")


def weights(*shape):
  return tf.constant_initializer(np.random.RandomState(shape[0]).uniform(-0.5, 0.5, shape).astype(np.float32))


features = hub.Module(sys.argv[1] + "/image")(dict(images=images), signature="image_feature_vector")
with arg_scope([slim.fully_connected], weights_regularizer=slim.l2_regularizer(hparams.weight_decay)):
  net = features
  for number, units in enumerate(hparams.hidden):
    net = slim.fully_connected(net, units, weights_initializer=weights(net.shape[1].value, units),
                               scope="fc%d" % number)
  net = slim.dropout(net, 0.9, is_training=False)
  logits = slim.fully_connected(net, 3, activation_fn=None, scope="logits",
                                weights_initializer=tf.zeros_initializer())
slim.losses.sparse_softmax_cross_entropy(logits, labels)
total_loss = slim.losses.get_total_loss()
optimizer = tf.train.AdamOptimizer(hparams.learning_rate)
train_op = slim.learning.create_train_op(total_loss, optimizer)
print("variables of the head:", [v.op.name for v in slim.get_model_variables() if "module" not in v.name])
print("one hot:", contrib_layers.one_hot_encoding([2], 3).shape.as_list())
with tf.Session() as sess:
  sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
  for step in range(40):
    loss = sess.run(train_op)
    if step % 10 == 0:
      print("step %d loss %.3f" % (step, loss))
  predicted = sess.run(tf.argmax(logits, 1))
print("accuracy %.3f" % np.mean(predicted == labels))
