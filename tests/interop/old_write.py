"""Writes modules with the original library, and what it computes with them: `old_write.py OUT_DIR`.

OUT_DIR/NAME holds the modules of old_modules.py, in the form of the golden cases. It runs on Python 3.6.
"""

import json
import os
import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub  # noqa: TID251 - this is the place where the original writes

from interop import old_modules, running
from interop.stored import Stored


def main():
    tf.logging.set_verbosity(tf.logging.ERROR)
    out_dir, *names = sys.argv[1:]
    faults = []
    for name in names or old_modules.EXAMPLES:
        place = os.path.join(out_dir, name)
        os.makedirs(place)
        folder = tempfile.mkdtemp(prefix="publishers_folder_")
        try:
            write(old_modules.EXAMPLES[name](folder), place, folder)
        except Exception as error:  # noqa: BLE001 - the others are still written
            shutil.rmtree(place)
            faults.append(name + ": " + " ".join(repr(error).split())[:300])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(
        "TensorFlow",
        tf.__version__,
        "wrote",
        len(os.listdir(out_dir)),
        "modules;",
        "; ".join(faults) or "no fault",
    )
    return 1 if faults else 0


def write(example, place, folder):
    path = os.path.join(place, "module")
    old_modules.export(example.spec, path)
    # Nothing of the publisher's may be needed any more.
    shutil.rmtree(folder)
    stored = Stored()
    case = {"calls": [], "finetune": None}
    for i, (tags, signature, inputs) in enumerate(example.calls):
        outputs = running.run_call(hub, path, set(tags), signature, inputs)
        call = {"tags": sorted(tags), "signature": signature}
        call["inputs"] = stored.all(f"call{i}.in", inputs)
        call["outputs"] = stored.all(f"call{i}.out", outputs)
        case["calls"].append(call)
    if example.finetune is not None:
        tags, signature, inputs = example.calls[example.finetune]
        step = {"tags": sorted(tags), "signature": signature, "lr": example.rate}
        done = running.run_finetuning_step(hub, path, step, inputs)
        case["finetune"] = dict(step, inputs=stored.all("ft.in", inputs), **stored.all("ft", done))
    np.savez_compressed(os.path.join(place, "expected.npz"), **stored.arrays)
    with open(os.path.join(place, "case.json"), "w") as file:
        json.dump(case, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
