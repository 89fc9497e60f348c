"""A server in a process of its own, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


class ServerProcess:
    """`tf1hub serve` on a folder.

    Attributes:
        url: without a slash at its end.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tf1hub", "serve", str(folder), "--port", "0", *options],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            text=True,
        )
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        if " at http://" not in said:
            raise AssertionError(said + self._process.stderr.read())
        self.url = said.split(" at ")[1].strip().rstrip("/")

    def kill(self) -> None:
        """Ends it in the middle of what it does."""
        self._process.kill()
        self._process.wait()
        self._close()

    def interrupt(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(30)
        self._close()
        return code

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def _close(self) -> None:
        assert self._process.stderr is not None
        self._process.stderr.close()
