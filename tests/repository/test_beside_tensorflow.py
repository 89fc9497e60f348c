"""A repository in a process that has imported TensorFlow first, which brings an SQLite of its own."""

from __future__ import annotations

import subprocess
import sys

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


def test_it_works_or_says_what_to_do(tmp_path):
    for first, wanted in (("", {SAID, "works"}), ("import sqlite3\n", {"works"})):
        command = [sys.executable, "-W", "ignore", "-c", first + _PROGRAM, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() in wanted
