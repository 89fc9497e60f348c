"""Writes modules with this library, and what it computes with them: `write.py OUT_DIR`.

OUT_DIR/golden/NAME holds the golden modules, loaded and exported again, beside what the
original computed with the golden ones. OUT_DIR/own/NAME holds the modules of modules.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from golden import cases

import tf1hub as hub
from interop import modules, running
from interop.stored import Stored


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--v1", action="store_true", help="with all of v1 behaviour, as programs in TF1 mode")
    args = parser.parse_args()
    if args.v1:
        tf.compat.v1.disable_v2_behavior()
    for name in cases.NAMES:
        write_golden(name, args.out_dir / "golden" / name)
    for name in modules.EXAMPLES:
        with tempfile.TemporaryDirectory(prefix="publishers_folder_") as folder:
            write_own(name, Path(folder), args.out_dir / "own" / name)
    leaks = [leak for path in sorted(args.out_dir.glob("*/*/module")) for leak in leaks_of(path)]
    print(*leaks, sep="\n", end="\n" if leaks else "")
    return 1 if leaks else 0


def write_golden(name: str, place: Path) -> None:
    place.mkdir(parents=True)
    modules.export(hub.load_module_spec(cases.load(name).path), place / "module")
    for file in ("case.json", "expected.npz"):
        shutil.copy(cases.ROOT / name / file, place / file)


def write_own(name: str, folder: Path, place: Path) -> None:
    place.mkdir(parents=True)
    example = modules.EXAMPLES[name](folder)
    path = place / "module"
    if example.in_session:
        modules.export(example.spec, path)
    else:
        example.spec.export(path)
    # Nothing of the publisher's may be needed any more.
    shutil.rmtree(folder)
    folder.mkdir()
    stored = Stored()
    case: dict[str, Any] = {"calls": [], "finetune": None}
    for i, (tags, signature, inputs) in enumerate(example.calls):
        outputs = running.run_call(hub, str(path), tags, signature, inputs)
        kept = {"inputs": stored.all(f"call{i}.in", inputs), "outputs": stored.all(f"call{i}.out", outputs)}
        case["calls"].append({"tags": sorted(tags), "signature": signature, **kept})
    if example.finetune:
        (tags, signature, inputs), rate = example.finetune
        step = {"tags": sorted(tags), "signature": signature, "lr": rate}
        done = running.run_finetuning_step(hub, str(path), step, inputs)
        case["finetune"] = {**step, "inputs": stored.all("ft.in", inputs), **stored.all("ft", done)}
    np.savez_compressed(place / "expected.npz", **stored.arrays)
    (place / "case.json").write_text(json.dumps(case, indent=1))


def leaks_of(module: Path) -> list[str]:
    """Sentences about paths of this machine in what was written."""
    private = {str(Path.home()), str(Path.cwd()), tempfile.gettempdir(), "publishers_folder_"} - {"/"}
    return [
        f"{file} has the publisher's path {path!r}"
        for file in sorted(module.rglob("*"))
        for path in sorted(private)
        if file.is_file() and path.encode() in file.read_bytes()
    ]


if __name__ == "__main__":
    sys.exit(main())
