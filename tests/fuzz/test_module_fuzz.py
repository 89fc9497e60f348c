"""Damaged modules: an error of this project, or what the bytes say; never a crash, a hang or another result.

The graph in `saved_model.pb` has no checksum, so a damaged constant is a module with that constant. What
must hold is that nothing *else* comes out than what TensorFlow computes from the same bytes.

`FUZZ_EXAMPLES` says how many damaged graphs are read per golden module (by default 30; a fifth of them are
also run, in processes of their own).
"""

from __future__ import annotations

import json
import os
import pathlib
import queue
import random
import shutil
import subprocess
import sys
import threading
from typing import Any

import pytest
from golden import cases

import tf1hub as hub
from tf1hub.format import read_module

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))
DEADLINE_S = 120
"""For one damaged module, on a machine that is busy with other things."""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damages one to three places of a file: bits, bytes, runs, cuts, repeats."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if not changed:
            break
        start = rng.randrange(len(changed))
        end = min(len(changed), start + rng.choice([1, 1, 2, 4, 32]))
        kind = rng.randrange(6)
        if kind == 0:
            changed[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[start:end] = rng.randbytes(end - start)
        elif kind == 2:
            del changed[start:end]
        elif kind == 3:
            changed[start:start] = changed[start:end]
        elif kind == 4:
            changed[start:end] = rng.choice([b"\x00", b"\x7f", b"\xff"]) * (end - start)
        else:
            del changed[start:]
    return bytes(changed)


def damaged_module(name: str, number: int, directory: pathlib.Path) -> str:
    """A copy of a golden module whose graph is damaged, the same way for the same number."""
    rng = random.Random(f"{name} {number}")
    shutil.copytree(cases.ROOT / name / "module", directory)
    file = directory / "saved_model.pb"
    file.write_bytes(mutate(file.read_bytes(), rng))
    return str(directory)


def read_all(path: str) -> None:
    """Asks a module everything that needs no TensorFlow."""
    spec = hub.ModuleSpec.from_stored(read_module(path))
    for tags in spec.get_tags():
        variant = spec.variant(tags)
        for signature in variant.signature_names:
            repr((variant.inputs(signature), variant.outputs(signature)))
        repr((variant.attachments, variant.variables, variant.asset_files, variant.trainable_nodes))


def refusal(path: str) -> str | None:
    try:
        read_all(path)
    except hub.errors.Error as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", cases.NAMES)
def test_a_damaged_graph_is_an_error_or_can_be_asked_everything(name: str, tmp_path: pathlib.Path) -> None:
    for number in range(EXAMPLES):
        path = damaged_module(name, number, tmp_path / str(number))
        message = refusal(path)
        assert message is None or str(tmp_path) in message, "the message names the file"


def test_every_byte_of_tfhub_module_pb_counts(tmp_path: pathlib.Path) -> None:
    path = shutil.copytree(cases.ROOT / "half_plus_two" / "module", tmp_path / "m")
    good = (path / "tfhub_module.pb").read_bytes()
    damaged = [good[:size] for size in range(len(good))]
    damaged += [good[:i] + bytes([b]) + good[i + 1 :] for i in range(len(good)) for b in range(256)]
    for data in damaged:
        if data == good:
            continue
        (path / "tfhub_module.pb").write_bytes(data)
        with pytest.raises(hub.errors.FormatError):
            hub.load_module_spec(str(path))


class Worker:
    """A process that uses damaged modules; what it cannot survive, the test does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(pathlib.Path(__file__).with_name("fuzz_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._answers.get(timeout=DEADLINE_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(self, path: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(path) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=DEADLINE_S)
        assert answer, f"the process died with {self._process.wait()}"
        result: dict[str, Any] = json.loads(answer)
        return result

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def test_what_runs_in_spite_of_damage_gives_what_its_bytes_say(tmp_path: pathlib.Path) -> None:
    worker = Worker()
    outcomes: dict[str, int] = {}
    try:
        for name in cases.NAMES:
            undamaged = worker.ask(str(cases.ROOT / name / "module"))
            assert undamaged["values"] == undamaged["reference"]
            for number in range(max(EXAMPLES // 5, 1)):
                path = damaged_module(name, 10_000 + number, tmp_path / f"{name}-{number}")
                result = worker.ask(path)
                assert "bug" not in result, f"{name} {number}: {result['bug']}"
                if "values" in result:
                    assert result["values"] == result["reference"], f"{name} {number}"
                kind = next(iter(result))
                outcomes[kind] = outcomes.get(kind, 0) + 1
    finally:
        worker.close()
    # Damage of both kinds was met, or the test would say nothing.
    assert outcomes["error"] > 0
    assert outcomes["values"] > 0
