"""Programs that need a process of their own: for virtual devices, or because nothing has run before."""

from __future__ import annotations

import os
import subprocess
import sys


def printed(program: str, *arguments: str) -> str:
    """What a program prints, which finds what the tests find; a failure shows the end of its errors."""
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout
