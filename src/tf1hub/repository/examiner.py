"""A process that looks at modules, with limits: no module that lies in the folder may take down who serves it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any

from tf1hub.errors import CacheError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room."""

_PROGRAM = "from tf1hub.repository.examiner import work; work()"
_MEMORY = 4 << 30
_SECONDS = 300.0
# A slow disk reads at least as much; unpacking and hashing are faster than that.
_BYTES_PER_SECOND = 10e6


class Examiner:
    """Looks at modules one after the other, in a process that is begun anew where a module ends it.

    Args:
        memory: bytes that the process may take.
        seconds: the longest look at a small module; large ones get more.
        max_bytes: how large a module may be.
    """

    def __init__(self, *, memory: int = _MEMORY, seconds: float = _SECONDS, max_bytes: int) -> None:
        self._memory = memory
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def examine(self, handle: str, directory: str, size: int) -> dict[str, Any]:
        """What `examination.examine` says of a module.

        Args:
            handle: what it is called.
            directory: where it lies.
            size: its bytes, by which the patience is measured.
        """
        return self._ask({"do": "examine", "handle": handle, "directory": directory}, size)

    def unpack(self, url: str, directory: str, size: int) -> dict[str, Any]:
        """Unpacks an archive; `fault` is why it could not be."""
        return self._ask({"do": "unpack", "url": url, "directory": directory}, size)

    def close(self) -> None:
        """Ends the process."""
        with self._turn:
            self._end()

    def _ask(self, question: dict[str, Any], size: int) -> dict[str, Any]:
        question |= {"max_bytes": self._max_bytes}
        patience = self._seconds + min(size, self._max_bytes) / _BYTES_PER_SECOND
        with self._turn:
            process = self._begin()
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                answer = self._wait(process, patience)
            except (BrokenPipeError, EOFError):
                code = process.wait()
                self._end()
                return {
                    "fault": f"Looking at it ended the process that looked (exit code {code}).",
                    "bytes": size,
                }
            except TimeoutError:
                self._end()
                return {"fault": f"Looking at it took more than {patience:.0f} seconds.", "bytes": size}
            except BaseException:
                self._end()
                raise
        found: dict[str, Any] = json.loads(answer)
        return found

    def _wait(self, process: subprocess.Popen[bytes], patience: float) -> bytes:
        assert process.stdout is not None
        handle = process.stdout.fileno()
        until, answer = time.monotonic() + patience, bytearray()
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(handle, 1 << 20)
            if not piece:
                raise EOFError
            answer += piece
        return bytes(answer)

    def _begin(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            paths = os.pathsep.join(entry for entry in sys.path if entry)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths, "TF1HUB_EXAMINER_MEMORY": str(self._memory)},
                # Ctrl-C in a terminal ends the server, which ends this.
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def work() -> None:
    """What the process does: answers one question a line, until there are no more."""
    from tf1hub.repository.examination import examine, unpack

    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        # Of data alone: files that are mapped to be read are no burden.
        memory = int(os.environ["TF1HUB_EXAMINER_MEMORY"])
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(5)
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin.buffer:
        question = json.loads(line)
        answer: dict[str, Any]
        if question["do"] == "unpack":
            answer = {"fault": ""}
            try:
                unpack(question["url"], question["directory"], question["max_bytes"])
            except CacheError as error:
                full = isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL
                words = "There is no room left for it." if full else str(error)
                answer = {"fault": words, "bytes": 0, "full": full}
            except (OSError, ValueError, MemoryError) as error:
                full = isinstance(error, OSError) and error.errno in FULL
                answer = {"fault": str(error)[:2000] or type(error).__name__, "bytes": 0, "full": full}
        else:
            answer = examine(question["handle"], question["directory"], question["max_bytes"])
        said.write(json.dumps(answer).encode() + b"\n")
        said.flush()
