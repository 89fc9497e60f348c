"""`tf.layers` works on TensorFlow 2.15, and later only with tf_keras (`make test-legacy`).

Elsewhere there is nothing to test here, so nothing is collected.
"""

from __future__ import annotations

import importlib.util

import tensorflow as tf

collect_ignore_glob = [] if hasattr(tf.compat.v1.layers, "dense") else ["test_*.py"]
# On TensorFlow 2.15 the one Keras is the other one.
collect_ignore = [] if importlib.util.find_spec("tf_keras") else ["test_keras_layer.py"]
