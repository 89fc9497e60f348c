"""A spec in TensorFlow 2: loading, calling, saving, over real `tf.Variable`s."""
