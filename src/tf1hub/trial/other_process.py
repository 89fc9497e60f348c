"""A function of a file that was written, in a process of its own that has no TensorFlow: nothing that this one holds helps it."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any

_PROGRAM = """
import sys
sys.modules["tensorflow"] = None  # importing it fails
from tf1hub.trial.other_process import answer
answer(*sys.argv[1:])
"""


class OtherProcess:
    """A process that opens a file and answers calls; a context, at whose end the process ends.

    Args:
        opener: the name of a function that opens what was written, as `"package.module:function"`. What it gives is called.
        path: what it is given.
    """

    def __init__(self, opener: str, path: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, opener, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def __call__(self, *arguments: Any) -> Any:
        """What the call gives; arguments and results travel as pickles.

        Raises:
            RuntimeError: the call fails, or what was written cannot be opened.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(arguments, self._process.stdin)
            self._process.stdin.flush()
            result, failure = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise RuntimeError(f"the process that runs it ended ({self._process.wait()})") from error
        if failure:
            raise RuntimeError(failure)
        return result

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def answer(opener: str, path: str) -> None:
    """What the process does: opens the file, and answers calls until no more come."""
    given, said = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    module, _, name = opener.partition(":")
    failure, function = "", None
    try:
        function = getattr(importlib.import_module(module), name)(path)
    except Exception as error:  # noqa: BLE001  # told to the process that asks
        failure = f"it cannot be opened: {error}"
    _answer(function, failure, given, said)


def _answer(function: Callable[..., Any] | None, failure: str, given: IO[bytes], said: IO[bytes]) -> None:
    while True:
        try:
            arguments = pickle.load(given)
        except EOFError:
            return
        result, fault = None, failure
        if function is not None:
            try:
                result = function(*arguments)
            except Exception as error:  # noqa: BLE001  # told to the process that asks
                fault = str(error) or type(error).__name__
        pickle.dump((result, fault), said)
        said.flush()
