"""Retrains the last layer on image folders, with bottlenecks cached in files."""
from __future__ import absolute_import
from __future__ import division
from __future__ import print_function

import argparse
import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

FLAGS = None


def write_images(image_dir):
  """Writes folders of PNG files: one class is reddish, the other greenish."""
  rng = np.random.RandomState(5)
  with tf.Graph().as_default(), tf.Session() as sess:
    pixels = tf.placeholder(tf.uint8, [None, None, 3])
    png = tf.image.encode_png(pixels)
    for channel, label in enumerate(["red", "green"]):
      tf.gfile.MakeDirs(os.path.join(image_dir, label))
      for number in range(12):
        image = rng.randint(0, 160, (10, 12, 3))
        image[:, :, channel] += 90
        data = sess.run(png, {pixels: image.astype(np.uint8)})
        with tf.gfile.FastGFile(os.path.join(image_dir, label, "%02d.png" % number), "wb") as f:
          f.write(data)


def create_image_lists(image_dir):
  result = {}
  for label in sorted(os.listdir(image_dir)):
    files = sorted(tf.gfile.Glob(os.path.join(image_dir, label, "*.png")))
    result[label] = {"training": files[:8], "testing": files[8:]}
  return result


def create_module_graph(module_spec):
  height, width = hub.get_expected_image_size(module_spec)
  with tf.Graph().as_default() as graph:
    resized_input_tensor = tf.placeholder(tf.float32, [None, height, width, 3])
    m = hub.Module(module_spec)
    bottleneck_tensor = m(resized_input_tensor)
    wants_quantization = any(node.op in ("FakeQuantWithMinMaxVars",) for node in graph.as_graph_def().node)
  return graph, bottleneck_tensor, resized_input_tensor, wants_quantization


def add_jpeg_decoding(module_spec):
  input_height, input_width = hub.get_expected_image_size(module_spec)
  input_depth = hub.get_num_image_channels(module_spec)
  jpeg_data = tf.placeholder(tf.string, name="DecodeJPGInput")
  decoded_image = tf.image.decode_png(jpeg_data, channels=input_depth)
  decoded_image_as_float = tf.image.convert_image_dtype(decoded_image, tf.float32)
  decoded_image_4d = tf.expand_dims(decoded_image_as_float, 0)
  resize_shape = tf.cast(tf.stack([input_height, input_width]), dtype=tf.int32)
  return jpeg_data, tf.image.resize_bilinear(decoded_image_4d, resize_shape)


def get_or_create_bottleneck(sess, path, jpeg_data, decoded, resized_input, bottleneck):
  cached = os.path.join(FLAGS.bottleneck_dir, os.path.relpath(path, FLAGS.image_dir).replace(os.sep, "_") + ".txt")
  if not os.path.exists(cached):
    image = sess.run(decoded, {jpeg_data: tf.gfile.GFile(path, "rb").read()})
    values = np.squeeze(sess.run(bottleneck, {resized_input: image}))
    with open(cached, "w") as f:
      f.write(",".join(str(float(x)) for x in values))
  with open(cached) as f:
    return [float(x) for x in f.read().split(",")]


def add_final_retrain_ops(class_count, bottleneck_tensor):
  batch_size, bottleneck_tensor_size = bottleneck_tensor.get_shape().as_list()
  assert batch_size is None, "We want to work with arbitrary batch size."
  with tf.name_scope("input"):
    bottleneck_input = tf.placeholder_with_default(
        bottleneck_tensor, shape=[batch_size, bottleneck_tensor_size], name="BottleneckInputPlaceholder")
    ground_truth_input = tf.placeholder(tf.int64, [batch_size], name="GroundTruthInput")
  with tf.name_scope("final_retrain_ops"):
    layer_weights = tf.Variable(tf.zeros([bottleneck_tensor_size, class_count]), name="final_weights")
    layer_biases = tf.Variable(tf.zeros([class_count]), name="final_biases")
    logits = tf.matmul(bottleneck_input, layer_weights) + layer_biases
    tf.summary.histogram("pre_activations", logits)
  final_tensor = tf.nn.softmax(logits, name="final_result")
  cross_entropy = tf.losses.sparse_softmax_cross_entropy(labels=ground_truth_input, logits=logits)
  tf.summary.scalar("cross_entropy", cross_entropy)
  train_step = tf.train.GradientDescentOptimizer(FLAGS.learning_rate).minimize(cross_entropy)
  return train_step, cross_entropy, bottleneck_input, ground_truth_input, final_tensor


def main(_):
  tf.logging.set_verbosity(tf.logging.ERROR)
  write_images(FLAGS.image_dir)
  tf.gfile.MakeDirs(FLAGS.bottleneck_dir)
  image_lists = create_image_lists(FLAGS.image_dir)
  module_spec = hub.load_module_spec(FLAGS.tfhub_module)
  graph, bottleneck_tensor, resized_image_tensor, _ = create_module_graph(module_spec)
  with graph.as_default():
    train_step, cross_entropy, bottleneck_input, ground_truth_input, final_tensor = add_final_retrain_ops(
        len(image_lists), bottleneck_tensor)
    jpeg_data, decoded = add_jpeg_decoding(module_spec)
    correct = tf.equal(tf.argmax(final_tensor, 1), ground_truth_input)
    evaluation_step = tf.reduce_mean(tf.cast(correct, tf.float32))
    merged = tf.summary.merge_all()
  with tf.Session(graph=graph) as sess:
    sess.run(tf.global_variables_initializer())
    sets = {}
    for category in ("training", "testing"):
      rows, labels = [], []
      for index, label in enumerate(sorted(image_lists)):
        for path in image_lists[label][category]:
          rows.append(get_or_create_bottleneck(
              sess, path, jpeg_data, decoded, resized_image_tensor, bottleneck_tensor))
          labels.append(index)
      sets[category] = {bottleneck_input: rows, ground_truth_input: labels}
    writer = tf.summary.FileWriter(FLAGS.bottleneck_dir, sess.graph)
    for step in range(FLAGS.how_many_training_steps):
      summary, loss, _ = sess.run([merged, cross_entropy, train_step], sets["training"])
      writer.add_summary(summary, step)
      if step % 50 == 0:
        print("Step %d: Cross entropy = %.4f" % (step, loss))
    writer.close()
    print("Final test accuracy = %.1f%%" % (sess.run(evaluation_step, sets["testing"]) * 100))
    constants = tf.graph_util.convert_variables_to_constants(sess, graph.as_graph_def(), ["final_result"])
  with tf.Graph().as_default(), tf.Session() as sess:
    resized, result = tf.import_graph_def(
        constants, return_elements=[resized_image_tensor.name, "final_result:0"], name="")
    print("Frozen graph says %s" % " ".join("%.4f" % p for p in sess.run(result, {resized: np.ones([1, 8, 8, 3])})[0]))


if __name__ == "__main__":
  parser = argparse.ArgumentParser()
  parser.add_argument("--image_dir", type=str, default="")
  parser.add_argument("--bottleneck_dir", type=str, default="/tmp/bottleneck")
  parser.add_argument("--learning_rate", type=float, default=0.5)
  parser.add_argument("--how_many_training_steps", type=int, default=201)
  parser.add_argument("--tfhub_module", type=str)
  FLAGS, unparsed = parser.parse_known_args()
  tf.app.run(main=main, argv=[sys.argv[0]] + unparsed)
