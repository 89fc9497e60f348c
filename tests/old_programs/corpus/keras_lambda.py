"""A Keras model around a module, through a Lambda layer and the Keras session."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow.keras import backend as K
from tensorflow.keras import layers
from tensorflow.keras.models import Model

embed = hub.Module(sys.argv[1] + "/text")


def universal_embedding(x):
  return embed(tf.squeeze(tf.cast(x, tf.string), axis=1))


input_text = layers.Input(shape=(1,), dtype=tf.string)
embedding = layers.Lambda(universal_embedding, output_shape=(8,))(input_text)
kernel = np.random.RandomState(13).uniform(-0.5, 0.5, (8, 4))
dense = layers.Dense(4, activation="tanh", kernel_initializer=tf.constant_initializer(kernel))(embedding)
prediction = layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")(dense)
model = Model(inputs=[input_text], outputs=prediction)
model.compile(loss="binary_crossentropy", optimizer=tf.train.GradientDescentOptimizer(0.5), metrics=["accuracy"])
print("parameters:", model.count_params())

train_text = np.array([["good film"], ["great film"], ["bad film"], ["awful plot"]], dtype=object)
train_label = np.array([1.0, 1.0, 0.0, 0.0])
with tf.Session() as session:
  K.set_session(session)
  session.run(tf.global_variables_initializer())
  session.run(tf.tables_initializer())
  history = model.fit(train_text, train_label, epochs=30, batch_size=4, shuffle=False, verbose=0)
  print("loss %.4f to %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
  for value in model.predict(train_text, batch_size=4)[:, 0]:
    print("%.4f" % value)
