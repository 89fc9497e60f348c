"""Features that earlier versions kept are used, and those of a newer one are computed anew."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from tf1hub.comparing import feature_cache
from tf1hub.comparing.features import Features

STORED = pathlib.Path(__file__).resolve().parents[1] / "artefacts"
KEY = ("module digest", "default", "examples digest")


@pytest.mark.parametrize("version", range(feature_cache.FEATURES_VERSION + 1))
def test_features_of_each_version_are_read(version: int) -> None:
    found = feature_cache.FeatureCache(STORED / f"features_{version}").read(*KEY)
    assert found is not None
    assert found.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (found.seconds, found.memory) == (0.5, None)


def test_features_of_a_newer_version_are_computed_anew(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = feature_cache.FeatureCache(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(feature_cache, "FEATURES_VERSION", feature_cache.FEATURES_VERSION + 1)
        kept.write(Features(np.ones([2, 2], np.float32), 1.0, 10), *KEY)
        assert kept.read(*KEY) is not None
    assert kept.read(*KEY) is None
