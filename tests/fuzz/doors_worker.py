"""Takes damaged modules through the doors behind which TensorFlow works, in a process of its own.

Reads lines of JSON from standard input, `[path, directory, doors]`, and answers each with what became of it
at each door: `"ok"`, the name of an error of the project's, or `"bug: "` and a traceback.
"""

from __future__ import annotations

import json
import pathlib
import sys
import traceback

import tensorflow  # noqa: F401  the first question should not wait for it
from fuzz import doors

import tf1hub as hub


def main() -> None:
    # What a program prints by itself must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        path, directory, names = json.loads(line)
        found = {name: outcome(name, path, pathlib.Path(directory)) for name in names}
        print(json.dumps(found), file=answers, flush=True)


def outcome(name: str, path: str, directory: pathlib.Path) -> str:
    scratch = directory / name
    scratch.mkdir()
    try:
        doors.TENSORFLOW[name](path, scratch)
    except hub.errors.Error as error:
        return type(error).__name__
    except Exception:  # noqa: BLE001  whatever else comes is what this looks for
        return f"bug: {traceback.format_exc()[-1500:]}"
    return "ok"


if __name__ == "__main__":
    main()
