"""Leaving the format: a module as something that other programs read.

One file for each `Form` (`*_form.py`), listed in `registry.py`. What all forms have in common (the free target, writing whole
or not at all, the comparison with the module) is in `convert.py`, once. Nothing imports TensorFlow before a form needs it.
"""
