"""The story of one TF1 Hub module, on real handwritten digits: `make demo`.

A publisher trains a small network on the digits 0 to 5 and publishes it as a
module. A consumer, who has the module's directory and a handful of labelled
digits 6 to 9, uses it three ways: as it is, fine-tuned, and not at all.

    data.py       scikit-learn's 1,797 scans of handwritten digits
    network.py    the network, in plain tf.compat.v1 ops
    publish.py    training and publishing: what a module's author writes
    consume.py    frozen features, fine-tuning, training from scratch
    report.py     the table and the picture
"""
