"""Programs written for TensorFlow 1.x and the original library, run unchanged."""

from __future__ import annotations

from tf1hub.compat.hub_alias import install_as_tensorflow_hub
from tf1hub.compat.program import run_program

__all__ = ["install_as_tensorflow_hub", "run_program"]
