"""Text classification with a column of a text module and a DNNClassifier."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

modules, work = sys.argv[1:]
tf.logging.set_verbosity(tf.logging.ERROR)
sentences = np.array(["good film", "great plot", "great cat", "bad film", "awful plot", "bad dog"])
polarity = np.array([1, 1, 1, 0, 0, 0])

train_input_fn = tf.estimator.inputs.numpy_input_fn(
    {"sentence": sentences}, polarity, batch_size=6, num_epochs=None, shuffle=False)
predict_input_fn = tf.estimator.inputs.numpy_input_fn({"sentence": sentences}, polarity, shuffle=False)

embedded_text_feature_column = hub.text_embedding_column(key="sentence", module_spec=modules + "/text")
estimator = tf.estimator.LinearClassifier(
    model_dir=work + "/linear", feature_columns=[embedded_text_feature_column], n_classes=2,
    optimizer=tf.train.GradientDescentOptimizer(learning_rate=0.3))
estimator.train(input_fn=train_input_fn, steps=40)
result = estimator.evaluate(input_fn=predict_input_fn)
print("linear: accuracy %.4f loss %.4f" % (result["accuracy"], result["average_loss"]))

trained_column = hub.text_embedding_column(key="sentence", module_spec=modules + "/text", trainable=True)
with tf.Graph().as_default():
  features = tf.feature_column.input_layer({"sentence": tf.constant(sentences)}, [trained_column])
  print("input layer:", features.shape.as_list(), "trainable:", len(tf.trainable_variables()))
  with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    print("sum %.4f" % sess.run(features).sum())

dnn = tf.estimator.DNNClassifier(
    hidden_units=[20, 10], feature_columns=[trained_column], n_classes=2,
    optimizer=tf.train.AdagradOptimizer(learning_rate=0.1), model_dir=work + "/dnn",
    config=tf.estimator.RunConfig(tf_random_seed=1))
dnn.train(input_fn=train_input_fn, steps=60)
print("dnn: accuracy %.4f" % dnn.evaluate(input_fn=predict_input_fn)["accuracy"])
