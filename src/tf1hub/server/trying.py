"""Running a module for a visitor: in a process of its own with limits, and never what trust refuses.

`python -m tf1hub.server.trying` is that process: it reads one request as JSON, and writes one answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from tf1hub.errors import ArgumentError, Error, RepositoryError, UnsupportedGraphError

SECONDS = 20
MEMORY = 4 << 30
MOST_VALUES = 5000
"""Numbers of one output that are shown."""
_LARGEST_MODEL = 1 << 30
_AT_ONCE = 2
_MODEL_SECONDS = 120
_turns = threading.BoundedSemaphore(_AT_ONCE)


class BusyError(RepositoryError):
    """Others are trying modules at the moment."""


def run_apart(
    directory: str, signature: str, inputs: Mapping[str, Any], memory: int = MEMORY
) -> dict[str, Any]:
    """Runs a signature in a process of its own, without TensorFlow.

    Args:
        directory: the module's.
        signature: its name.
        inputs: lists of numbers or texts, by the names of the inputs.
        memory: bytes that the process may take.

    Returns:
        `outputs`, by name: `dtype`, `shape` and `values`, those flat and at most `MOST_VALUES`; and the `engine`.

    Raises:
        ArgumentError: the module cannot take the inputs.
        UnsupportedGraphError: it cannot be run here.
        RepositoryError: it took too long, or too much memory.
        BusyError: as many others as may try one are doing so.
    """
    return ask_apart(
        {"directory": directory, "signature": signature, "inputs": dict(inputs), "memory": memory}
    )


def ask_apart(request: dict[str, Any]) -> dict[str, Any]:
    """What the process says to a request.

    Args:
        request: `directory`, `signature` and `memory`; and either `inputs`, or the `path` of the model to write.

    Raises:
        ArgumentError: the inputs do not fit.
        UnsupportedGraphError: it cannot be done here.
        RepositoryError: it took too long, or too much memory.
        BusyError: others are at it.
    """
    # Nobody computes while a model is made, and it is made once: it may wait for a busy machine.
    patience = _MODEL_SECONDS if "path" in request else SECONDS
    if not _turns.acquire(blocking=False):
        raise BusyError("Others are trying modules at the moment. Try again in some seconds.")
    try:
        # What this process was allowed or told by its environment is not the visitor's.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TF1HUB_", "TFHUB_", "AWS_"))
        }
        command = [sys.executable, "-m", "tf1hub.server.trying"]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request).encode(),
                capture_output=True,
                timeout=patience,
                env=kept,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RepositoryError(f"It took more than {patience} seconds, and was ended.") from error
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            memory = request["memory"] >> 20
            raise RepositoryError(
                f"It was ended: it took more than {SECONDS} seconds of computing, or more than {memory} MiB."
            ) from error
    finally:
        _turns.release()
    if "fault" in answer:
        words = answer["fault"].replace(request["directory"], "the module")
        raise (ArgumentError if answer["is_input"] else UnsupportedGraphError)(words)
    return answer


def _limit(memory: int, is_writing: bool) -> None:
    try:
        import resource
    except ImportError:  # Windows has none; the clock of the other side remains
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Who only runs a module writes nothing, not even what is not refused.
    most = _LARGEST_MODEL if is_writing else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    os.nice(5)


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    from tf1hub.predict.prediction import Predictor

    predictor = Predictor(request["directory"], request["signature"], engine="numpy", trust=False)
    given = {}
    for name, info in predictor.inputs.items():
        if name not in request["inputs"]:
            raise ArgumentError(f"The input {name!r} is missing.")
        value = request["inputs"][name]
        try:
            kind = object if info.dtype_name == "string" else info.dtype_name
            given[name] = np.asarray(value, kind)
        except (ValueError, TypeError, OverflowError) as error:
            raise ArgumentError(
                f"The input {name!r} takes {info.description}; that cannot be made of what was given."
            ) from error
    outputs = {}
    for name, value in predictor(given).items():
        array = np.asarray(value)
        flat = array.ravel()[:MOST_VALUES]
        values = (
            [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in flat]
            if array.dtype.kind in "SUO"
            else [float(each) if np.isfinite(each) else None for each in flat.astype(np.float64)]
        )
        outputs[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "values": values}
    return {"outputs": outputs, "engine": predictor.engine}


def _write_model(request: Mapping[str, Any]) -> dict[str, Any]:
    from tf1hub.converting.convert import convert

    convert(
        request["directory"],
        request["path"],
        to="onnx",
        signature=request["signature"] or None,
        progress="none",
    )
    if os.path.exists(request["path"] + ".host"):
        from tf1hub.server.text_program import text_program

        program = text_program(request["path"])
        os.unlink(request["path"] + ".host")
        with open(request["path"] + ".text", "w", encoding="utf-8") as file:
            json.dump(program, file, ensure_ascii=False, separators=(",", ":"))
    return {}


def main() -> int:
    """Answers one request."""
    request = json.loads(sys.stdin.buffer.read())
    said = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print is no answer
    tempfile.gettempdir()  # which tries to write, once
    _limit(request["memory"], "path" in request)
    try:
        answer = _write_model(request) if "path" in request else _run(request)
    except Error as error:
        answer = {"fault": str(error)[:2000], "is_input": not isinstance(error, UnsupportedGraphError)}
    except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, RecursionError) as error:
        answer = {"fault": f"{type(error).__name__}: {error}"[:2000], "is_input": True}
    except (OSError, MemoryError) as error:
        answer = {
            "fault": f"It cannot be run within the limits: {error or type(error).__name__}",
            "is_input": False,
        }
    said.write(json.dumps(answer).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
