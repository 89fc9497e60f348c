"""An old graph read as a program: straight-line code, conds and loops. Nothing here needs TensorFlow."""
