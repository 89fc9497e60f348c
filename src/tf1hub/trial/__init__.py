"""Running a module on generated inputs and comparing: what forms, checks and layers stand on.

`original.py` runs a module in a `tf.Graph`, and needs TensorFlow; nothing else here does.
"""
