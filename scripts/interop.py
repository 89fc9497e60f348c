"""Has the original library read what this library writes, and the other way round: `make interop`.

Each tested TensorFlow writes the golden modules again and modules of its own; the original library, in the
environments of REFERENCES, loads them, calls them and fine-tunes them. Each of those then writes modules in
the words of its time, which this library reads in every mode. A reference environment whose Python this
machine does not have is left out with a word.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import environment

# Programs in TF1 mode write other graphs for their variables, conditions and loops.
WRITERS: list[tuple[str, list[str]]] = [
    ("newest", []),
    ("newest", ["--v1"]),
    ("oldest", ["--v1"]),
]


class Reference(NamedTuple):
    """An environment with the original library.

    Attributes:
        name: of the environment.
        reads: which writers' modules it reads. Of today's graphs the oldest can run few: one of each is enough.
    """

    name: str
    reads: list[str]


REFERENCES = [
    Reference("ref", ["newest", "newest-v1", "oldest-v1"]),
    Reference("ref112", ["newest-v1"]),
    Reference("ref17", ["newest-v1"]),
]

READER = "newest"


class Job(NamedTuple):
    """A script of tests/interop to run.

    Attributes:
        title: what it does, in words.
        environment: the name of the environment that it runs in.
        script: its name.
        arguments: its arguments.
    """

    title: str
    environment: str
    script: str
    arguments: list[object]


def main() -> int:
    references = [reference for reference in REFERENCES if is_there(reference.name)]
    if not references:
        return 0
    for name in sorted({READER, *(name for name, _ in WRITERS)}):
        environment.make(name)
    with tempfile.TemporaryDirectory(prefix="tf1hub_interop_") as directory:
        writing, reading = jobs(references, Path(directory))
        return 0 if all_succeed(writing) and all_succeed(reading) else 1


def jobs(references: Iterable[Reference], directory: Path) -> tuple[list[Job], list[Job]]:
    """What is written, and what is read after that."""
    writing, reading = [], []
    for name, flags in WRITERS:
        place = directory / "-".join([name, *(flag.strip("-") for flag in flags)])
        writing.append(Job(f"tf1hub in .venv/{name} writes {place.name}", name, "write", [place, *flags]))
    for reference in references:
        own = directory / reference.name
        read = [directory / name for name in reference.reads]
        title = f"The original library in .venv/{reference.name}"
        writing.append(Job(f"{title} writes", reference.name, "old_write", [own]))
        reading.append(Job(f"{title} reads {', '.join(reference.reads)}", reference.name, "read", read))
        reading.append(Job(f"tf1hub reads what .venv/{reference.name} wrote", READER, "read_old", [own]))
    return writing, reading


def is_there(name: str) -> bool:
    try:
        environment.make(name)
    except environment.NoPythonError as error:
        print(f"make interop: .venv/{name} is LEFT OUT. {error}")
        return False
    return True


def all_succeed(several: list[Job]) -> bool:
    """Runs jobs beside each other; shows what each printed when it is done."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return all(list(pool.map(succeeds, several)))


def succeeds(job: Job) -> bool:
    python = environment.VENVS / job.environment / "bin" / "python"
    variables = {
        **os.environ,
        "PYTHONPATH": "tests",
        # The Python of 2016 takes the encoding of what it prints from the locale.
        "PYTHONIOENCODING": "utf-8",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [str(python), "-W", "ignore", "-m", f"interop.{job.script}", *map(str, job.arguments)]
    done = subprocess.run(
        command, env=variables, cwd=environment.ROOT, check=False, capture_output=True, text=True
    )
    failed = done.returncode != 0
    # TensorFlow's notes about itself go to stderr, and say something only where the script failed.
    print(
        f"{job.title}{' FAILED' if failed else ''}\n{done.stdout}{done.stderr if failed else ''}", flush=True
    )
    return not failed


if __name__ == "__main__":
    sys.exit(main())
