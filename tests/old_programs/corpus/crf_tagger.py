"""A tagger: a CRF on ELMo-like features, exported as a SavedModel and served by a predictor."""
import os
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from tensorflow.contrib import predictor
from tensorflow.contrib import seq2seq  # for a decoder, one day
from tensorflow.contrib.crf import crf_log_likelihood, viterbi_decode

TAGS = ["O", "B", "I"]
sentences = [["the", "cat", "sat", "on", "the", "mat"], ["great", "film", "", "", "", ""], ["bad", "", "", "", "", ""]]
labels = [[0, 1, 0, 0, 1, 2], [1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
lengths = [6, 2, 1]

words = tf.placeholder(tf.string, [None, None], name="words")
sequence_lengths = tf.placeholder(tf.int32, [None], name="lengths")
tags = tf.placeholder(tf.int32, [None, None], name="tags")

elmo = hub.Module(sys.argv[1] + "/elmo", trainable=True)
features = elmo(inputs={"tokens": words, "sequence_len": sequence_lengths}, signature="tokens", as_dict=True)["elmo"]
with tf.variable_scope("tagger"):
  kernel = tf.get_variable("kernel", [4, len(TAGS)], initializer=tf.constant_initializer(0.1 * np.arange(12.0) - 0.5))
  logits = tf.reshape(tf.matmul(tf.reshape(features, [-1, 4]), kernel), [-1, tf.shape(words)[1], len(TAGS)])
  with tf.variable_scope("crf", initializer=tf.zeros_initializer()):
    log_likelihood, transitions = crf_log_likelihood(logits, tags, sequence_lengths)
  decoded, score = tf.contrib.crf.crf_decode(logits, transitions, sequence_lengths)
loss = tf.reduce_mean(-log_likelihood)
train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
print("trained:", sorted(v.op.name for v in tf.trainable_variables() if "word" not in v.op.name))

export_dir = os.path.join(sys.argv[2], "saved")
with tf.Session() as sess:
  sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
  feed = {words: sentences, sequence_lengths: lengths, tags: labels}
  for step in range(6):
    print("loss %.4f" % sess.run([loss, train_op], feed)[0])
  print("transitions:", " ".join("%.3f" % x for x in sess.run(transitions).ravel()))
  scores, matrix, best = sess.run([logits, transitions, score], feed)
  for i, length in enumerate(lengths):
    path, path_score = viterbi_decode(scores[i][:length], matrix)
    print("viterbi:", " ".join(TAGS[t] for t in path), "%.3f %.3f" % (path_score, best[i]))
  tf.saved_model.simple_save(sess, export_dir, {"words": words, "lengths": sequence_lengths}, {"tags": decoded},
                             legacy_init_op=tf.tables_initializer())

tf.reset_default_graph()
predict = predictor.from_saved_model(export_dir)
print("feeds:", sorted(predict.feed_tensors), "fetches:", sorted(predict.fetch_tensors))
answer = predict({"words": sentences[::-1], "lengths": lengths[::-1]})
for row in answer["tags"]:
  print("served:", row.tolist())
