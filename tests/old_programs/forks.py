"""Runs many command lines of `tf1hub`, each in a fork of one process that has imported TensorFlow.

    python forks.py JOBS.json

Importing TensorFlow is most of what a small program costs, so all of them share one import. A
job is {"argv": ..., "cwd": ..., "out": ..., "err": ...}; its exit code is added as "code".
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def main(path: str) -> None:
    with open(path) as file:
        jobs = json.load(file)
    from tf1hub.compat.v1_mode import choose_legacy_keras

    choose_legacy_keras()  # as the command does before it imports TensorFlow
    importlib.import_module("tensorflow")
    importlib.import_module("tf1hub.graph")
    for job in jobs:
        pid = os.fork()
        if pid == 0:
            os._exit(child(job))
        job["code"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open(path, "w") as file:
        json.dump(jobs, file)


def child(job: dict[str, Any]) -> int:
    from tf1hub.cli.main import main as tf1hub

    os.chdir(job["cwd"])
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    try:
        return tf1hub(job["argv"])
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1])
