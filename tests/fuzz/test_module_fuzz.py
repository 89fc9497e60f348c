"""Damaged modules: an error of this project, or what the bytes say; never a crash, a hang or another result.

The graph in `saved_model.pb` has no checksum, so a damaged constant is a module with that constant. What
must hold is that nothing *else* comes out than what TensorFlow computes from the same bytes.

`FUZZ_EXAMPLES` says how many damaged graphs are read per golden module (by default 30; a fifth of them are
also run, in processes of their own).
"""

from __future__ import annotations

import os
import pathlib
import random
import shutil

import pytest
from fuzz.doors import flipped
from fuzz.worker import Worker
from golden import cases

import tf1hub as hub
from tf1hub.format import read_module

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))


def damaged_module(name: str, number: int, directory: pathlib.Path) -> str:
    """A copy of a golden module whose graph is damaged, the same way for the same number."""
    rng = random.Random(f"{name} {number}")
    shutil.copytree(cases.ROOT / name / "module", directory)
    file = directory / "saved_model.pb"
    file.write_bytes(flipped(file.read_bytes(), rng))
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


def test_what_runs_in_spite_of_damage_gives_what_its_bytes_say(tmp_path: pathlib.Path) -> None:
    outcomes: dict[str, int] = {}
    with Worker("fuzz_worker.py") as worker:
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
    # Damage of both kinds was met, or the test would say nothing.
    assert outcomes["error"] > 0
    assert outcomes["values"] > 0
