"""Contextual word features: ELMo-like, with its scalar mix trained."""
import sys

import tensorflow as tf
import tensorflow_hub as hub

elmo = hub.Module(sys.argv[1] + "/elmo", trainable=True)
tokens_input = [["the", "cat", "sat", "on", "the", "mat"], ["great", "film", "", "", "", ""]]
tokens_length = [6, 2]
embeddings = elmo(inputs={"tokens": tokens_input, "sequence_len": tokens_length},
                  signature="tokens", as_dict=True)
print("outputs:", sorted(embeddings))
loss = tf.reduce_sum(tf.square(embeddings["elmo"][:, 1, :])) + tf.reduce_mean(embeddings["default"])
mix = [v for v in tf.trainable_variables() if "aggregation" in v.name]
print("trained:", sorted(v.op.name for v in mix))
train_op = tf.train.AdamOptimizer(0.1).minimize(loss, var_list=mix)

with tf.Session() as sess:
  sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
  print("elmo of 'cat':", " ".join("%.4f" % x for x in sess.run(embeddings["elmo"])[0, 1]))
  print("mean:", " ".join("%.4f" % x for x in sess.run(embeddings["default"]).ravel()))
  for step in range(5):
    print("loss %.4f" % sess.run([loss, train_op])[0])
  print("weights:", " ".join("%.4f" % x for x in sess.run(elmo.variable_map["aggregation/weights"])))
