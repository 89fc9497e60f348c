"""Damaged graphs are scanned or refused in words, in time that follows their size."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest

from tests.trust.corpus import harmful
from tests.trust.harm import Kit
from tf1hub import capabilities
from tf1hub.errors import Error

MUTATIONS = 400
SECONDS_PER_BYTE = 2e-4
"""Generous: what is asked is that no mutation is out of proportion. Scans of undamaged ones take a hundredth."""


@pytest.mark.parametrize("seed", [1])
def test_damaged_modules(seed: int, tmp_path: Path):
    rng = random.Random(seed)
    cases = [case for case in harmful() if "_in_" in case.name or "path" in case.name]
    files = []
    for case in cases:
        path = Path(case.write(tmp_path, Kit("/secret", "/out", 9))) / "saved_model.pb"
        files.append((path, path.read_bytes()))
    for _ in range(MUTATIONS):
        path, whole = rng.choice(files)
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            position = rng.randrange(len(damaged))
            change = rng.random()
            if change < 0.6:
                damaged[position] = rng.randrange(256)
            elif change < 0.8:
                del damaged[position : position + rng.randint(1, 16)]
            else:
                damaged[position:position] = damaged[rng.randrange(len(damaged)) :][: rng.randint(1, 64)]
        path.write_bytes(damaged)
        started = time.process_time()
        with contextlib.suppress(Error):
            capabilities(path.parent)
        assert time.process_time() - started < 0.2 + SECONDS_PER_BYTE * len(damaged), path
        path.write_bytes(whole)
