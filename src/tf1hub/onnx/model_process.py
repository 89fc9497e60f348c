"""A model, opened in a process of its own that has no TensorFlow: what was written is held against the module there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import IO, Any

_PROGRAM = """
import sys
sys.modules["tensorflow"] = None  # importing it fails
from tf1hub.onnx.model_process import answer
answer(sys.argv[1])
"""


class ModelProcess:
    """A process that runs a model.

    Args:
        path: of the model.
    """

    def __init__(self, path: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def __call__(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays behind the outputs, for those behind the inputs, from the stored state.

        Raises:
            RuntimeError: the model does not run on these; or it cannot be opened.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(dict(feeds), self._process.stdin)
            self._process.stdin.flush()
            outputs, failure = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise RuntimeError(f"the process that runs it ended ({self._process.wait()})") from error
        if failure:
            raise RuntimeError(failure)
        found: dict[str, Any] = outputs
        return found

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def answer(path: str) -> None:
    """What the process does: runs the model on whatever comes in, until nothing more does."""
    from tf1hub.onnx.stored_model import StoredModel

    given, said = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    failure, model = "", None
    try:
        model = StoredModel(path)
    except Exception as error:  # noqa: BLE001  # told to the process that asks
        failure = f"it cannot be opened: {error}"
    _answer(model, failure, given, said)


def _answer(model: Any, failure: str, given: IO[bytes], said: IO[bytes]) -> None:
    while True:
        try:
            feeds = pickle.load(given)
        except EOFError:
            return
        outputs, fault = {}, failure
        if model is not None:
            try:
                model.forget()
                outputs = model(feeds)
            except Exception as error:  # noqa: BLE001  # told to the process that asks
                fault = str(error)
        pickle.dump((outputs, fault), said)
        said.flush()
