"""A repository in a process that imports TensorFlow too, which brings an SQLite of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tf1hub.repository.repository import Repository

_PROGRAM = """
import tensorflow, sys
from tf1hub.repository.repository import Repository
from tf1hub.errors import RepositoryError
try:
    Repository(sys.argv[1]).refresh(progress="none")
except RepositoryError as error:
    print("said:", error)
else:
    print("works")
"""
SAID = (
    "said: The SQLite of this process has no full-text search (FTS5). TensorFlow brings such a one: import sqlite3 before "
    "tensorflow, or use the repository in a process of its own."
)


def test_where_tensorflow_came_first_it_works_or_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in (SAID, "works")


def test_where_sqlite_came_first_it_works(tmp_path: Path) -> None:
    """This process imports sqlite3 first: `conftest.py` sees to it."""
    import tensorflow  # noqa: F401

    imported = list(sys.modules)
    assert imported.index("sqlite3") < imported.index("tensorflow")
    with Repository(tmp_path) as repository:
        assert repository.refresh(progress="none") == (0, 0)
