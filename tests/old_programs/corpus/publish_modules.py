"""Publishes the small modules that the other programs use."""
from __future__ import absolute_import
from __future__ import division
from __future__ import print_function

import os

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

flags = tf.app.flags
flags.DEFINE_string("export_dir", None, "Where the modules are written.")
FLAGS = flags.FLAGS

WORDS = ["the", "cat", "sat", "on", "mat", "dog", "good", "bad", "film", "great", "awful", "plot"]


def weights(seed, *shape):
  return tf.constant_initializer(np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32))


def text_module_fn(vocabulary_file):
  def module_fn():
    sentences = tf.placeholder(dtype=tf.string, shape=[None], name="sentences")
    table = tf.contrib.lookup.index_table_from_file(vocabulary_file, num_oov_buckets=1)
    words = tf.string_split(sentences)
    ids = tf.SparseTensor(words.indices, table.lookup(words.values), words.dense_shape)
    ids, _ = tf.sparse_fill_empty_rows(ids, tf.constant(len(WORDS), tf.int64))
    embeddings = tf.get_variable("embeddings", [len(WORDS) + 1, 8], initializer=weights(1, len(WORDS) + 1, 8))
    hub.add_signature(inputs=sentences,
                      outputs=tf.nn.embedding_lookup_sparse(embeddings, ids, None, combiner="sqrtn"))
  return module_fn


def image_module_fn():
  images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
  kernel = tf.get_variable("conv/weights", [3, 3, 3, 6], initializer=weights(2, 3, 3, 3, 6),
                           regularizer=lambda w: 0.01 * tf.nn.l2_loss(w))
  net = tf.nn.relu(tf.nn.conv2d(images, kernel, [1, 2, 2, 1], "SAME"))
  features = tf.reduce_mean(net, [1, 2])
  hub.add_signature(inputs=dict(images=images), outputs=features)
  hub.add_signature("image_feature_vector", {"images": images}, {"default": features, "Small/conv": net})
  info = hub.ImageModuleInfo()
  info.default_image_size.height = 8
  info.default_image_size.width = 8
  hub.attach_image_module_info(info)


def elmo_module_fn():
  tokens = tf.placeholder(tf.string, [None, None], name="tokens")
  sequence_len = tf.placeholder(tf.int32, [None], name="sequence_len")
  table = tf.contrib.lookup.index_table_from_tensor(WORDS, num_oov_buckets=1)
  embeddings = tf.get_variable("word_embeddings", [len(WORDS) + 1, 4], initializer=weights(3, len(WORDS) + 1, 4))
  word_emb = tf.nn.embedding_lookup(embeddings, table.lookup(tokens))
  outputs = [word_emb]
  for layer in range(2):
    kernel = tf.get_variable("lstm%d/kernel" % layer, [8, 4], initializer=weights(4 + layer, 8, 4))
    time_major = tf.transpose(outputs[-1], [1, 0, 2])
    states = tf.scan(lambda state, x: tf.tanh(tf.matmul(tf.concat([state, x], 1), kernel)),
                     time_major, tf.zeros_like(time_major[0]))
    outputs.append(tf.transpose(states, [1, 0, 2]))
  mixing = tf.nn.softmax(tf.get_variable("aggregation/weights", [3], initializer=tf.zeros_initializer()))
  scaling = tf.get_variable("aggregation/scaling", [], initializer=tf.ones_initializer())
  elmo = scaling * tf.add_n([mixing[i] * outputs[i] for i in range(3)])
  mask = tf.expand_dims(tf.sequence_mask(sequence_len, tf.shape(tokens)[1], tf.float32), 2)
  mean = tf.reduce_sum(elmo * mask, 1) / tf.reduce_sum(mask, 1)
  hub.add_signature("tokens", dict(tokens=tokens, sequence_len=sequence_len),
                    dict(elmo=elmo, word_emb=word_emb, lstm_outputs1=outputs[1], lstm_outputs2=outputs[2],
                         default=mean))


def bert_module_fn(vocabulary_file):
  def module_fn():
    input_ids = tf.placeholder(tf.int32, [None, None], name="input_ids")
    input_mask = tf.placeholder(tf.int32, [None, None], name="input_mask")
    segment_ids = tf.placeholder(tf.int32, [None, None], name="segment_ids")
    with tf.variable_scope("bert"):
      words = tf.get_variable("word_embeddings", [len(WORDS) + 4, 6], initializer=weights(6, len(WORDS) + 4, 6))
      types = tf.get_variable("token_type_embeddings", [2, 6], initializer=weights(7, 2, 6))
      pooler = tf.get_variable("pooler/kernel", [6, 6], initializer=weights(8, 6, 6))
    sequence = tf.nn.embedding_lookup(words, input_ids) + tf.nn.embedding_lookup(types, segment_ids)
    scores = tf.matmul(sequence, sequence, transpose_b=True) / 6.0 ** 0.5
    scores += (1.0 - tf.cast(tf.expand_dims(input_mask, 1), tf.float32)) * -10000.0
    sequence_output = tf.matmul(tf.nn.softmax(scores), sequence)
    pooled_output = tf.tanh(tf.matmul(sequence_output[:, 0, :], pooler))
    hub.add_signature("tokens", dict(input_ids=input_ids, input_mask=input_mask, segment_ids=segment_ids),
                      dict(sequence_output=sequence_output, pooled_output=pooled_output))
    vocab = tf.constant(vocabulary_file, name="vocab_file")
    tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, vocab)
    hub.add_signature("tokenization_info", inputs={}, outputs=dict(vocab_file=vocab, do_lower_case=tf.constant(True)))
  return module_fn


def write_lines(name, lines):
  path = os.path.join(FLAGS.export_dir, name)
  with tf.gfile.GFile(path, "w") as f:
    f.write("".join(line + "\n" for line in lines))
  return path


def export(name, module_fn):
  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default():
    module = hub.Module(spec)
    with tf.Session() as session:
      session.run([tf.global_variables_initializer(), tf.tables_initializer()])
      module.export(os.path.join(FLAGS.export_dir, name), session)
  variables = sorted(module.variable_map)
  print(name, "has the signatures", sorted(spec.get_signature_names()), "and the variables", variables)


def main(_):
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.gfile.MakeDirs(FLAGS.export_dir)
  export("text", text_module_fn(write_lines("words.txt", WORDS)))
  export("image", image_module_fn)
  export("elmo", elmo_module_fn)
  export("bert", bert_module_fn(write_lines("vocab.txt", ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + WORDS)))


if __name__ == "__main__":
  flags.mark_flag_as_required("export_dir")
  tf.app.run()
