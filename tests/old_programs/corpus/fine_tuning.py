"""Fine-tunes an image module under a tf.layers head, with the module's regularization."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

tf.logging.set_verbosity(tf.logging.ERROR)
rng = np.random.RandomState(11)
labels = np.arange(32) % 2
images = rng.uniform(0, 0.6, (32, 8, 8, 3)).astype(np.float32)
images[np.arange(32), :, :, labels] += 0.3

module = hub.Module(sys.argv[1] + "/image", trainable=True)
height, width = hub.get_expected_image_size(module)
features = module(tf.image.resize_images(images, [height, width]))
logits = tf.layers.dense(features, 2, kernel_initializer=tf.zeros_initializer(), name="head")
tf.losses.sparse_softmax_cross_entropy(labels, logits)
total_loss = tf.losses.get_total_loss()
print("regularization losses:", [loss.op.type for loss in tf.losses.get_regularization_losses()])
global_step = tf.train.get_or_create_global_step()
learning_rate = tf.train.exponential_decay(0.3, global_step, 20, 0.5, staircase=True)
optimizer = tf.train.GradientDescentOptimizer(learning_rate)
gradients, variables = zip(*optimizer.compute_gradients(total_loss))
gradients, norm = tf.clip_by_global_norm(gradients, 1.0)
train_op = optimizer.apply_gradients(zip(gradients, variables), global_step=global_step)
accuracy, update_accuracy = tf.metrics.accuracy(labels, tf.argmax(logits, 1))

with tf.Session() as sess:
  sess.run([tf.global_variables_initializer(), tf.local_variables_initializer(), tf.tables_initializer()])
  before = sess.run(module.variable_map["conv/weights"])
  for step in range(60):
    _, value, step_norm = sess.run([train_op, total_loss, norm])
    if step % 20 == 0:
      print("step %d loss %.4f gradient norm %.4f" % (step, value, step_norm))
  sess.run(update_accuracy)
  print("accuracy %.4f" % sess.run(accuracy))
  print("weights moved by %.4f" % np.abs(sess.run(module.variable_map["conv/weights"]) - before).max())
