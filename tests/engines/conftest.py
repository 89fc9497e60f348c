"""Ray and Spark start once for all tests of a process, with two workers that see what this process sees."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def other_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the workers of all engines have as the cache of their environment: nothing may be put there."""
    return tmp_path_factory.mktemp("workers") / "cache"


@pytest.fixture(scope="session")
def _environment_of_workers(other_cache: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]))
        patch.setenv("TFHUB_CACHE_DIR", str(other_cache))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        yield


@pytest.fixture(scope="session")
def ray(_environment_of_workers: None) -> Iterator[Any]:
    """Ray on two CPUs."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: make test-engines")
    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture(scope="session")
def spark(_environment_of_workers: None) -> Iterator[Any]:
    """Spark with two workers; a task may fail once. Java compiles little: it does not run long enough for more."""
    pytest.importorskip("pyspark", reason="Spark is not installed: make test-engines")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java 17 or newer, which is not on this machine.")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2,2]")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()
