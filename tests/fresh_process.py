"""Programs that need a process of their own: for virtual devices, or because nothing has run before."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from collections.abc import Callable

from tf1hub.trial.other_process import OtherProcess

# That of conversions, so that a worker of pytest keeps one process for both.
_IMPORTS = ("tensorflow", "tf1hub.converting.tensorflow_calls")


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


def printed_on_tensorflow(program: str, *arguments: str) -> str:
    """The same of a program that imports TensorFlow, in a fork of a process that has imported it and has run nothing.

    That takes 3 seconds of processor time less. It is not for what is about the import.
    """
    with OtherProcess("fresh_process:open_program", os.devnull, _IMPORTS) as process:
        text: str = process(program, arguments)
    return text


def open_program(_: str) -> Callable[[str, tuple[str, ...]], str]:
    """What the fork calls."""
    return _run_program


def _run_program(program: str, arguments: tuple[str, ...]) -> str:
    sys.argv = ["-c", *arguments]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(program, {"__name__": "__main__"})
    except BaseException as error:
        raise RuntimeError(traceback.format_exc()[-3000:]) from error
    return said.getvalue()
