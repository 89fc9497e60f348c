"""Asks modules which images they want, and attaches a message of its own."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow_hub import image_module_info_pb2  # pylint: disable=unused-import

spec = hub.load_module_spec(sys.argv[1] + "/image")
info = spec.get_attached_message("image_module_info", hub.ImageModuleInfo)
print("attached:", info.default_image_size.height, info.default_image_size.width)
print("expected:", hub.get_expected_image_size(spec), hub.get_num_image_channels(spec))
print("nothing:", spec.get_attached_message("something_else", hub.ImageModuleInfo))
try:
  spec.get_attached_message("something_else", hub.ImageModuleInfo, required=True)
except KeyError:
  print("required: KeyError")


def open_size_fn():
  images = tf.placeholder(tf.float32, [None, None, None, 1])
  hub.add_signature("image_feature_vector", inputs=dict(images=images), outputs=tf.reduce_mean(images, [1, 2]))
  size = hub.ImageModuleInfo()
  size.default_image_size.height, size.default_image_size.width = 30, 20
  hub.attach_message("image_module_info", size)


with tf.Graph().as_default():
  module = hub.Module(hub.create_module_spec(open_size_fn))
  size = hub.get_expected_image_size(module, signature="image_feature_vector")
  print("open size:", size, hub.get_num_image_channels(module, signature="image_feature_vector", input_name="images"))
  picture = np.arange(12.0).reshape([1, 3, 4, 1])
  resized = tf.image.resize_bilinear(picture, size)
  with tf.Session() as sess:
    print("mean %.4f" % sess.run(module(dict(images=resized), signature="image_feature_vector"))[0, 0])
