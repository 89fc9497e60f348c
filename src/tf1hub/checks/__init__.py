"""Checking modules: is it whole, does it keep the conventions, does it run, can it be fine-tuned?

Each file is one group of checks and yields findings; `check.py` puts them together. All but `run.py`
work without TensorFlow.
"""
