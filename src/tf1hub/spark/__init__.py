"""Spark: a module for `DataFrame.mapInArrow` and for `predict_batch_udf`."""

from __future__ import annotations

from tf1hub.spark.arrow_mapper import ArrowMapper
from tf1hub.spark.batch_function import MakePredictFn

__all__ = ["ArrowMapper", "MakePredictFn"]
