"""What the tests of resolving share: a server, a cache of its own, and no environment of the machine."""

from __future__ import annotations

import os

import pytest
from misbehaving_server import Server


@pytest.fixture(autouse=True)
def _own_environment(tmp_path, monkeypatch):
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(("TF1HUB_", "TFHUB_")) or upper.endswith(("_PROXY", "_CA_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TF1HUB_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("TF1HUB_PROGRESS", "none")
    monkeypatch.setenv("TF1HUB_LOCKFILE", "")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def no_backoff(monkeypatch):
    """Retries at once, and notes how long it would have waited."""
    waited: list[float] = []
    monkeypatch.setattr("tf1hub.handles.transfer.time.sleep", waited.append, raising=True)
    return waited
