"""A variant's graph with its variables as constants; no TensorFlow."""
