"""The copied BERT and ELMo layers: a module made in a Keras layer's build, trained by Adam."""
from __future__ import print_function

import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow.keras import backend as K

modules, work = sys.argv[1:]
tf.logging.set_verbosity(tf.logging.ERROR)
sess = tf.Session()
K.set_session(sess)


class BertLayer(tf.keras.layers.Layer):
  def __init__(self, bert_path, **kwargs):
    self.trainable = True
    self.output_size = 6
    self.bert_path = bert_path
    super(BertLayer, self).__init__(**kwargs)

  def build(self, input_shape):
    self.bert = hub.Module(self.bert_path, trainable=self.trainable, name="{}_module".format(self.name))
    trainable_vars = self.bert.variables
    trainable_vars = [var for var in trainable_vars if "token_type" not in var.name]
    for var in trainable_vars:
      self._trainable_weights.append(var)
    for var in self.bert.variables:
      if var not in self._trainable_weights:
        self._non_trainable_weights.append(var)
    super(BertLayer, self).build(input_shape)

  def call(self, inputs):
    inputs = [K.cast(x, dtype="int32") for x in inputs]
    input_ids, input_mask, segment_ids = inputs
    bert_inputs = dict(input_ids=input_ids, input_mask=input_mask, segment_ids=segment_ids)
    return self.bert(inputs=bert_inputs, signature="tokens", as_dict=True)["pooled_output"]

  def compute_output_shape(self, input_shape):
    return (input_shape[0][0], self.output_size)


class ElmoEmbeddingLayer(tf.keras.layers.Layer):
  def __init__(self, elmo_path, **kwargs):
    self.elmo_path = elmo_path
    super(ElmoEmbeddingLayer, self).__init__(**kwargs)

  def build(self, input_shape):
    self.elmo = hub.Module(self.elmo_path, trainable=self.trainable, name="{}_module".format(self.name))
    self._trainable_weights += tf.trainable_variables(scope="^{}_module/.*".format(self.name))
    super(ElmoEmbeddingLayer, self).build(input_shape)

  def call(self, x):
    tokens = K.cast(x, tf.string)
    lengths = tf.fill([tf.shape(x)[0]], 4)
    return self.elmo(dict(tokens=tokens, sequence_len=lengths), as_dict=True, signature="tokens")["default"]

  def compute_output_shape(self, input_shape):
    return (input_shape[0], 4)


rng = np.random.RandomState(17)
ids = rng.randint(4, 16, (12, 5))
mask = np.ones_like(ids)
mask[::2, 3:] = 0
segments = np.zeros_like(ids)
segments[:, 2:] = 1
words = np.array([["the", "good", "film", "sat"], ["the", "bad", "film", "sat"]] * 6, dtype=object)
labels = np.array([1.0, 0.0] * 6)

in_id = tf.keras.layers.Input(shape=(5,), name="input_ids")
in_mask = tf.keras.layers.Input(shape=(5,), name="input_masks")
in_segment = tf.keras.layers.Input(shape=(5,), name="segment_ids")
in_words = tf.keras.layers.Input(shape=(4,), dtype=tf.string, name="words")
bert_layer = BertLayer(os.path.join(modules, "bert"), name="bert_layer")
elmo_layer = ElmoEmbeddingLayer(os.path.join(modules, "elmo"), name="elmo_layer")
bert_output = bert_layer([in_id, in_mask, in_segment])
elmo_output = elmo_layer(in_words)
joined = tf.keras.layers.concatenate([bert_output, elmo_output])
pred = tf.keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")(joined)
model = tf.keras.models.Model(inputs=[in_id, in_mask, in_segment, in_words], outputs=pred)
model.compile(loss="binary_crossentropy", optimizer=tf.keras.optimizers.Adam(0.05), metrics=["accuracy"])
print("trainable", len(model.trainable_weights), "others", len(model.non_trainable_weights))

sess.run(tf.local_variables_initializer())
sess.run(tf.global_variables_initializer())
sess.run(tf.tables_initializer())
K.set_session(sess)
before = sess.run([bert_layer.bert.variable_map["bert/word_embeddings"],
                   bert_layer.bert.variable_map["bert/token_type_embeddings"],
                   elmo_layer.elmo.variable_map["lstm0/kernel"]])
inputs = [ids, mask, segments, words]
history = model.fit(inputs, labels, epochs=8, batch_size=6, shuffle=False, verbose=0)
print("loss", " ".join("%.4f" % loss for loss in history.history["loss"]))
after = sess.run([bert_layer.bert.variable_map["bert/word_embeddings"],
                  bert_layer.bert.variable_map["bert/token_type_embeddings"],
                  elmo_layer.elmo.variable_map["lstm0/kernel"]])
for old, new in zip(before, after):
  print("moved by %.4f" % np.abs(new - old).max())
predicted = model.predict(inputs)
print("predicted", " ".join("%.4f" % value for value in predicted[:4, 0]))

path = os.path.join(work, "model.h5")
model.save_weights(path)
sess.run(tf.global_variables_initializer())
print("fresh head", " ".join("%.4f" % value for value in model.predict(inputs)[:4, 0]))
model.load_weights(path)
print("loaded", " ".join("%.4f" % value for value in model.predict(inputs)[:4, 0]))
