"""Ray Data: a module for `Dataset.map_batches`."""

from __future__ import annotations

from tf1hub.ray.batch_predictor import HubPredictor

__all__ = ["HubPredictor"]
