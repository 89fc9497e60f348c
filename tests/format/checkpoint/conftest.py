"""Properties are tried without a time limit for each example, and leave nothing in the working directory."""

from __future__ import annotations

import atexit
import tempfile

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

# On import: Hypothesis writes its first file before the first fixture runs.
HOME = tempfile.TemporaryDirectory(prefix="hypothesis_")
atexit.register(HOME.cleanup)
set_hypothesis_home_dir(HOME.name)
settings.register_profile(
    "tf1hub", database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("tf1hub")
