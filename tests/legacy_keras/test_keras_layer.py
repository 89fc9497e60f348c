"""A program that imports tf_keras beside the Keras of TensorFlow: `tf1hub.keras.layer_class`."""

from __future__ import annotations

import os
import subprocess
import sys

from golden import cases

_PROGRAM = """
import sys
import numpy as np, tensorflow as tf, tf_keras, tf1hub as hub
KerasLayer = hub.keras.layer_class(tf_keras)
assert issubclass(KerasLayer, tf_keras.layers.Layer) and KerasLayer is not hub.KerasLayer
assert issubclass(hub.KerasLayer, tf.keras.layers.Layer) and hasattr(tf.keras, "KerasTensor")
x = np.ones([4, 1], np.float32)
layer = KerasLayer(sys.argv[1], trainable=True)
model = tf_keras.Sequential([tf_keras.Input([1]), layer])
model.compile(tf_keras.optimizers.SGD(0.1), "mse")
model.fit(x, 0 * x, verbose=0)
a, b = (variable.numpy() for variable in layer.resolved_object.variables)
np.testing.assert_allclose([a, b], [0.5 - 0.1 * 5, 2 - 0.1 * 5], atol=1e-6)
print("trained")
"""


def test_a_layer_of_tf_keras_trains_beside_keras_3() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, cases.load("half_plus_two").path],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.stdout.endswith("trained\n"), run.stderr[-3000:]
