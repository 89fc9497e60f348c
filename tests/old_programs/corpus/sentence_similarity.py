"""How alike are sentences? Embeds them in a session and multiplies."""
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

module_url = sys.argv[1] + "/text"
embed = hub.Module(module_url)

messages = ["the cat sat on the mat", "the dog sat on the mat", "a great film", "an awful plot"]
similarity_input_placeholder = tf.placeholder(tf.string, shape=(None))
encoding_tensor = embed(similarity_input_placeholder)
print("Encoding size:", encoding_tensor.get_shape().as_list()[-1])

with tf.Session() as session:
  session.run(tf.global_variables_initializer())
  session.run(tf.tables_initializer())
  embeddings = session.run(encoding_tensor, feed_dict={similarity_input_placeholder: messages})

embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
correlation = np.inner(embeddings, embeddings)
for message, row in zip(messages, correlation):
  print(message, "|", " ".join("%.4f" % value for value in row))
