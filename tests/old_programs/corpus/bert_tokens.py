"""Reads a BERT-like module's vocabulary through tokenization_info, then fine-tunes on its pooled output."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

BERT_MODEL_HUB = sys.argv[1] + "/bert"
MAX_SEQ_LENGTH = 8


def create_vocabulary_from_hub_module():
  with tf.Graph().as_default():
    bert_module = hub.Module(BERT_MODEL_HUB)
    tokenization_info = bert_module(signature="tokenization_info", as_dict=True)
    with tf.Session() as sess:
      vocab_file, do_lower_case = sess.run([tokenization_info["vocab_file"], tokenization_info["do_lower_case"]])
  with tf.gfile.GFile(vocab_file, "r") as reader:
    vocabulary = {token.strip(): index for index, token in enumerate(reader)}
  return vocabulary, do_lower_case


def convert(vocabulary, lower, sentence):
  words = (sentence.lower() if lower else sentence).split()
  tokens = ["[CLS]"] + words + ["[SEP]"]
  ids = [vocabulary.get(token, vocabulary["[UNK]"]) for token in tokens]
  padding = [0] * (MAX_SEQ_LENGTH - len(ids))
  return ids + padding, [1] * len(ids) + padding, [0] * MAX_SEQ_LENGTH


vocabulary, do_lower_case = create_vocabulary_from_hub_module()
print("vocabulary:", len(vocabulary), "lower case:", bool(do_lower_case))
sentences = ["The GOOD film", "a bad plot", "Great cat", "awful dog on the mat"]
labels = [1, 0, 1, 0]
input_ids, input_mask, segment_ids = zip(*[convert(vocabulary, do_lower_case, s) for s in sentences])
print("ids:", input_ids[3])

bert_module = hub.Module(BERT_MODEL_HUB, trainable=True)
bert_inputs = dict(input_ids=list(input_ids), input_mask=list(input_mask), segment_ids=list(segment_ids))
bert_outputs = bert_module(inputs=bert_inputs, signature="tokens", as_dict=True)
output_layer = bert_outputs["pooled_output"]
hidden_size = output_layer.shape[-1].value
output_weights = tf.get_variable("output_weights", [2, hidden_size], initializer=tf.constant_initializer(
    np.random.RandomState(14).normal(size=(2, hidden_size)).astype(np.float32)))
output_bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())
with tf.variable_scope("loss"):
  logits = tf.nn.bias_add(tf.matmul(output_layer, output_weights, transpose_b=True), output_bias)
  log_probs = tf.nn.log_softmax(logits, axis=-1)
  one_hot_labels = tf.one_hot(labels, depth=2, dtype=tf.float32)
  loss = tf.reduce_mean(-tf.reduce_sum(one_hot_labels * log_probs, axis=-1))
train_op = tf.train.AdamOptimizer(0.02).minimize(loss)

with tf.Session() as sess:
  sess.run(tf.global_variables_initializer())
  print("sequence output %.4f" % np.sum(np.abs(sess.run(bert_outputs["sequence_output"]))))
  for step in range(31):
    value, _ = sess.run([loss, train_op])
    if step % 10 == 0:
      print("step %d loss %.4f" % (step, value))
  print("predicted:", sess.run(tf.argmax(logits, -1)).tolist())
