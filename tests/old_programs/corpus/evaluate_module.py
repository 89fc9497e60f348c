"""Modules as Python functions: hub.eval_function_for_module."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub


def main(argv):
  with hub.eval_function_for_module(argv[1] + "/text") as f:
    for sentence in ("good film", "bad film"):
      print(sentence, "%.4f" % np.sum(f([sentence])))
  spec = hub.load_module_spec(argv[1] + "/image")
  images = np.linspace(0, 1, 2 * 8 * 8 * 3).reshape([2, 8, 8, 3])
  with hub.eval_function_for_module(spec) as f:
    result = f(dict(images=images), signature="image_feature_vector", as_dict=True)
    for key in sorted(result):
      print(key, result[key].shape, "%.4f" % result[key].mean())
  try:
    with hub.eval_function_for_module(spec) as f:
      f(dict(pictures=images), signature="image_feature_vector")
  except TypeError:
    print("wrong input name: TypeError")
  for info in sorted(spec.get_output_info_dict("image_feature_vector").items()):
    print(info[0], info[1].dtype.name, info[1].get_shape().as_list(), info[1].is_sparse)


if __name__ == "__main__":
  tf.app.run()
