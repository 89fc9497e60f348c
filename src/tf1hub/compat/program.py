"""Runs an old program unchanged: `tf1hub run`."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType, TracebackType
from typing import Any

from tf1hub.arguments import path_text
from tf1hub.compat.hub_alias import install_as_tensorflow_hub
from tf1hub.errors import Error

_HERE = os.path.dirname(__file__)


def run_program(
    program: str, arguments: Sequence[str] = (), *, tf1: bool = False, as_module: bool = False
) -> int:
    """Runs a program with `import tensorflow_hub` answered by tf1hub, as `python PROGRAM` would.

    The program becomes `__main__`, of this process: its `sys.argv`, `sys.path[0]`, exit code and
    traceback are those that `python` gives it. Nothing is put back afterwards; a process runs one
    program.

    Args:
        program: path of a Python file; a module's name with `as_module`, as for `python -m`.
        arguments: the program's arguments.
        tf1: answer `import tensorflow` by the v1 compatibility API with v2 behaviour off,
            including the parts of `tf.contrib` that have successors.
        as_module: `program` names a module.

    Example:
        >>> import tf1hub as hub
        >>> hub.run_program("retrain.py", ["--tfhub_module", "inception"], tf1=True)  # doctest: +SKIP
        0

    Returns:
        0; or 1 after an exception that the program did not catch, its traceback printed.

    Raises:
        SystemExit: the program has ended itself.
        Error: there is no such program.
    """
    # What is missing is said before TensorFlow's seconds pass.
    program = path_text(program, "program")
    code, main = _module_program(program) if as_module else _file_program(program)
    sys.argv = [str(main.__file__) if as_module else program, *arguments]
    install_as_tensorflow_hub()
    if tf1:
        from tf1hub.compat.v1_mode import enter_v1_mode

        enter_v1_mode()
    sys.modules["__main__"] = main
    try:
        exec(code, main.__dict__)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001  # whatever it is, the program's own hook reports it, as in python
        _report(error)
        return 1
    return 0


def _file_program(program: str) -> tuple[CodeType, ModuleType]:
    try:
        with open(program, "rb") as file:
            source = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Error(f"Cannot open the program {program!r}: {reason}.") from error
    if not sys.flags.safe_path if hasattr(sys.flags, "safe_path") else True:
        sys.path[0] = os.path.dirname(os.path.realpath(program))
    main = ModuleType("__main__")
    path = os.path.abspath(program)
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __cached__=None, __spec__=None)
    return _compile(source, path), main


def _module_program(program: str) -> tuple[CodeType, ModuleType]:
    sys.path[0] = os.getcwd()
    spec = _find(program)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _find(program + ".__main__")
    code = spec.loader.get_code(spec.name) if spec and isinstance(spec.loader, _HAS_CODE) else None
    if spec is None or code is None:
        raise Error(f"No module {program!r} that could be run as a program.")
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=spec.origin, __builtins__=__builtins__, __spec__=spec, __package__=spec.parent,
        __loader__=spec.loader, __cached__=spec.cached,
    )  # fmt: skip
    return code, main


_HAS_CODE = importlib.abc.InspectLoader


def _find(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def _compile(source: bytes, path: str) -> CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        _report(error.with_traceback(None))
        raise SystemExit(1) from error


def _report(error: BaseException) -> None:
    """Shows an exception as python would: without the frames of this room."""
    error.__traceback__ = _without_own_frames(error.__traceback__)
    sys.excepthook(type(error), error, error.__traceback__)


def _without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    if traceback is None:
        return None
    rest = _without_own_frames(traceback.tb_next)
    file = traceback.tb_frame.f_code.co_filename
    if os.path.dirname(file) == _HERE or file.startswith("<frozen importlib"):
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
