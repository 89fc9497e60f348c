"""A function of a file that was written, in a process that did not write it: nothing that this one holds helps it."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from socket import socket
from typing import IO, Any

from tf1hub.trial.process_template import (
    HAS_FORKS,
    ProcessTemplate,
    fork_template,
    search_path,
    start_template,
)

_PROGRAM = """
import sys
if "tensorflow" not in sys.argv[1:]:
    sys.modules["tensorflow"] = None  # importing it fails
from tf1hub.trial.other_process import answer
answer()
"""
_LENGTH = struct.Struct("<q")
_PATIENCE = 0.5
"""Seconds that a process has to end when nobody asks any more."""


class OtherProcess:
    """A process that opens a file and answers calls; a context, at whose end the process ends.

    Args:
        opener: the name of a function that opens what was written, as `"package.module:function"`. What it gives is called.
        path: what it is given.
        imports: modules that it has imported before, in a process that is kept for the next files; the file is opened in a
            fork of that. None for a new process. Unless TensorFlow is among them, it cannot be imported.
        also: modules that it imports in the fork.
    """

    def __init__(
        self, opener: str, path: str, imports: tuple[str, ...] | None = None, also: tuple[str, ...] = ()
    ) -> None:
        self._template: ProcessTemplate | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket | None = None
        self._given: IO[bytes] | None = None
        self._said: IO[bytes] | None = None
        try:
            if imports is not None and HAS_FORKS:
                self._template, self._socket, self._number = fork_template(imports)
                self._given, self._said = self._socket.makefile("wb"), self._socket.makefile("rb")
            else:
                self._start(imports or ())
            self._send((opener, os.path.abspath(path), also, dict(os.environ), sys.path, _directory()))
        except (ConnectionError, EOFError):
            pass  # the first call says so
        except BaseException:
            self._end(None)
            raise

    def __call__(self, *arguments: Any) -> Any:
        """What the call gives; arguments and results travel as pickles.

        Raises:
            RuntimeError: the call fails, or what was written cannot be opened.
        """
        if self._given is None or self._said is None:
            raise RuntimeError("the process that was to run it ended while it was made ready")
        try:
            self._send(arguments)
            result, failure = pickle.load(self._said)
        except (BrokenPipeError, ConnectionError, EOFError) as error:
            raise RuntimeError(f"the process that runs it ended ({self._status()})") from error
        if failure:
            raise RuntimeError(failure)
        return result

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(kind)

    def _start(self, imports: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": search_path()},
        )
        self._given, self._said = self._process.stdin, self._process.stdout

    def _send(self, message: Any) -> None:
        assert self._given is not None
        text = pickle.dumps(message)
        self._given.write(_LENGTH.pack(len(text)))
        self._given.write(text)
        self._given.flush()

    def _status(self) -> Any:
        if self._process is not None:
            return self._process.wait()
        assert self._template is not None
        try:
            return self._template.status_of(self._number)
        except EOFError:
            return "with the one that it was made from"

    def _end(self, kind: type[BaseException] | None) -> None:
        if self._process is not None:
            if kind is not None and not issubclass(kind, Exception):
                self._process.kill()  # it may compute for long, and nobody waits for it
            self._process.communicate()
        elif self._socket is not None:
            for each in (self._given, self._said, self._socket):
                with contextlib.suppress(OSError):  # what was not sent is of no use
                    if each is not None:
                        each.close()


def _directory() -> str:
    """Where this process is; empty where that is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def start_importing(imports: tuple[str, ...]) -> None:
    """Begins what an `OtherProcess` with these imports needs, so that it is done when something is to be opened."""
    if HAS_FORKS:
        start_template(imports)


def answer() -> None:
    """What a new process does: opens a file, and answers calls until no more come."""
    given, said = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    _answer(_messages(given), said)


def answer_connection(connection: socket) -> None:
    """What a fork does: the same, over a socket."""
    _answer(_messages(connection.makefile("rb")), connection.makefile("wb"))


def _answer(messages: Iterator[Any], said: IO[bytes]) -> None:
    function: Callable[..., Any] | None = None
    failure = ""
    opener, path, also, environment, search, directory = next(messages)
    try:
        os.environ.clear()
        os.environ.update(environment)
        if directory:
            os.chdir(directory)
        sys.path[:] = search
        for name in also:
            with contextlib.suppress(Exception):  # what they do not bring is asked for
                importlib.import_module(name)
        module, _, name = opener.partition(":")
        function = getattr(importlib.import_module(module), name)(path)
    except Exception as error:  # noqa: BLE001  # told to the process that asks
        failure = f"it cannot be opened: {error}"
    for arguments in messages:
        result, fault = None, failure
        if function is not None:
            try:
                result = function(*arguments)
            except Exception as error:  # noqa: BLE001  # told to the process that asks
                fault = str(error) or type(error).__name__
        pickle.dump((result, fault), said)
        said.flush()


def _messages(given: IO[bytes]) -> Iterator[Any]:
    """What is asked, as it comes. Where nobody can ask any more, the process ends, whatever it is at."""
    texts: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        while len(length := given.read(_LENGTH.size)) == _LENGTH.size:
            texts.put(given.read(*_LENGTH.unpack(length)))
        texts.put(b"")
        time.sleep(_PATIENCE)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    while text := texts.get():
        yield pickle.loads(text)
