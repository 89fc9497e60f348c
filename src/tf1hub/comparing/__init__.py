"""Which module suits a task: the handle as a hyperparameter."""

from __future__ import annotations

from tf1hub.comparing.compare import compare
from tf1hub.comparing.result import ComparedModule, Comparison

__all__ = ["ComparedModule", "Comparison", "compare"]
