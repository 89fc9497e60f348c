"""A process that uses damaged modules, seen from outside: what it cannot survive, the test does."""

from __future__ import annotations

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
from typing import Any

DEADLINE_S = 120
"""For one answer, on a machine that is busy with other things."""


class Worker:
    """A program of this folder that answers each line of JSON with another one; the first says that it is ready.

    Args:
        program: the file's name.
    """

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(pathlib.Path(__file__).with_name(program))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._answers.get(timeout=DEADLINE_S)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(self, question: Any) -> dict[str, Any]:
        """The answer; a process that died instead fails the test."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=DEADLINE_S)
        assert answer, f"the process died with {self._process.wait()}"
        result: dict[str, Any] = json.loads(answer)
        return result
