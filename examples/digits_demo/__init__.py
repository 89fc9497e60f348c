"""The story of one TF1 Hub module, on real handwritten digits: `make demo`.

A publisher trains a small network to read digits and publishes it as a module.
A consumer asks another question of other scans: is the number even or odd? With
the module's directory and a handful of labels, the consumer answers it three
ways: with the module as it is, with the module fine-tuned, and without it; and once more
in Keras, where the module is a layer.

    data.py       scikit-learn's 1,797 scans of handwritten digits
    network.py    the network, in plain tf.compat.v1 ops
    training.py   a model that is trained in one graph and tested in another
    publish.py    training and publishing: what a module's author writes
    consume.py    frozen features, fine-tuning, training from scratch
    in_keras.py   the same fine-tuning as a Keras model
    in_jax.py     the same in JAX, with optax, without TensorFlow
    report.py     the table and the picture
"""
