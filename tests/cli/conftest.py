"""The command's tests use the cache and server of the resolver's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "handles"))

import pytest
from misbehaving_server import Server


@pytest.fixture(autouse=True)
def _own_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TF1HUB_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    for name in (
        "TF1HUB_OFFLINE",
        "TF1HUB_PROGRESS",
        "TFHUB_DOWNLOAD_PROGRESS",
        "TF1HUB_LOCKFILE",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with Server() as running:
        yield running
