"""A process that has imported what opening a file takes, and has run nothing: each file is opened in a fork of it.

Importing TensorFlow costs seconds of processor time, a fork a tenth of one. What a fork finds is what the imports made,
so it is as fresh as a process that imports them anew. The template has one thread, so that no fork of it can hang.
It ends with this process, and by itself after a while without a file.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

HAS_FORKS = sys.platform == "linux"
"""Whether there are templates here: elsewhere a fork is not safe in what the imports bring, or there is none."""

_IDLE = 60.0
"""Seconds after which a template ends that opened nothing."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""What keeps libraries from starting threads while they are imported. The forks have the caller's environment."""
_PROGRAM = """
import sys
from tf1hub.trial.process_template import serve
from tf1hub.trial.other_process import answer_connection
serve(int(sys.argv[1]), sys.argv[2:], answer_connection)
"""


class ProcessTemplate:
    """The process; it starts at once, and imports while the caller goes on.

    Args:
        imports: names of modules.
    """

    def __init__(self, imports: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(number), *imports],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(number,),
                env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": search_path()},
            )

    @property
    def number(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def fork(self) -> tuple[socket.socket, int]:
        """A connection to a new fork, and its number.

        Raises:
            EOFError: the template has ended.
        """
        with self._lock:
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
                return ours, self._read("forked")[0]
            except BaseException as error:
                # What was asked may still be under way, so that nobody can ask anything else.
                ours.close()
                self.end()
                if isinstance(error, OSError):
                    raise EOFError(f"the process ended ({self._process.returncode})") from error
                raise

    def status_of(self, number: int) -> int:
        """How a fork ended, as `subprocess` says it; waits for that.

        Raises:
            EOFError: the template has ended.
        """
        with self._lock:
            while number not in self._ended:
                try:
                    self._note(*self._read("ended"))
                except OSError as error:
                    raise EOFError from error
            return self._ended.pop(number)

    def end(self) -> None:
        """Ends the process; its forks end when their connections are closed."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Lets go of the process, which is another one's now."""
        self._control.close()

    def _read(self, wanted: str) -> tuple[int, ...]:
        while True:
            told = self._control.recv(64)
            if not told:
                raise EOFError(f"the process ended ({self._process.wait()})")
            kind, *numbers = told.decode().split()
            if kind == wanted:
                return tuple(map(int, numbers))
            self._note(*map(int, numbers))

    def _note(self, number: int, status: int) -> None:
        self._ended[number] = status


_TEMPLATES: dict[tuple[str, ...], ProcessTemplate] = {}
_LOCK = threading.Lock()


def start_template(imports: tuple[str, ...]) -> ProcessTemplate:
    """The template that has imported some modules; a new one, where there is none that runs."""
    with _LOCK:
        found = _TEMPLATES.get(imports)
        if found is None or not found.runs:
            if found is not None:
                found.end()
            found = _TEMPLATES[imports] = ProcessTemplate(imports)
        return found


def fork_template(imports: tuple[str, ...]) -> tuple[ProcessTemplate, socket.socket, int]:
    """A fork of a template: the template, a connection, and the fork's number.

    Raises:
        EOFError: the template cannot import the modules.
    """
    for last in (False, True):
        template = start_template(imports)
        try:
            return template, *template.fork()
        except EOFError:
            if last:
                raise
            # It may have ended by itself just then: it opened nothing for a while.
    raise AssertionError("the second try returns or raises")


def search_path() -> str:
    """Where this process finds modules, as an environment variable tells it."""
    return os.pathsep.join(entry for entry in sys.path if entry)


def serve(number: int, imports: list[str], run: Callable[[socket.socket], None]) -> None:
    """What the template does.

    Args:
        number: the descriptor of the socket on which it is asked.
        imports: what it imports.
        run: what a fork does with its connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks is interrupted, and ends this one
    control = socket.socket(fileno=number)
    if "tensorflow" not in imports:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # importing it fails
    for name in imports:
        importlib.import_module(name)
    alive: set[int] = set()
    ended: dict[int, int] = {}

    def note_ends(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                child, status = os.waitpid(-1, os.WNOHANG)
                if not child:
                    return
                ended[child] = os.waitstatus_to_exitcode(status)
                if child in alive:
                    tell_end(child)

    def tell_end(child: int) -> None:
        alive.discard(child)
        with contextlib.suppress(OSError):
            control.send(f"ended {child} {ended.pop(child)}".encode())

    signal.signal(signal.SIGCHLD, note_ends)
    control.settimeout(_IDLE)
    while True:
        try:
            asked, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        except TimeoutError:
            if alive:
                continue
            return
        if not asked:
            return
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            _run_fork(run, socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
        control.send(f"forked {child}".encode())
        alive.add(child)
        if child in ended:
            tell_end(child)


def _run_fork(run: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """Runs it, and ends the process; what the template would do at its end is not for it."""
    code = 1
    try:
        run(connection)
        code = 0
    finally:
        os._exit(code)


def _end_all() -> None:
    for template in _TEMPLATES.values():
        template.end()
    _TEMPLATES.clear()


def _forget_all() -> None:
    """In a process that was forked from this one: the templates stay its parent's."""
    global _LOCK
    _LOCK = threading.Lock()
    for template in _TEMPLATES.values():
        template.forget()
    _FORGOTTEN.extend(_TEMPLATES.values())
    _TEMPLATES.clear()


_FORGOTTEN: list[Any] = []
"""Kept, since Python complains of a process that it forgets while it runs."""
_register: Callable[..., object] | None = getattr(os, "register_at_fork", None)
if _register is not None:
    _register(after_in_child=_forget_all)
atexit.register(_end_all)
