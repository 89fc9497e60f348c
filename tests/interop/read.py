"""Reads with the original library what write.py wrote, and compares: `read.py DIR...`.

It runs on Python 3.6 and TensorFlow 1.7, in their graph mode.
"""

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_hub as hub  # noqa: TID251 - this is the place where the original is asked
from golden import cases

from interop import cannot, running


def main() -> int:
    running.tf1.logging.set_verbosity(running.tf1.logging.ERROR)
    roots = [root for directory in sys.argv[1:] for root in sorted(Path(directory).glob("*"))]
    failures = checks = excused = 0
    known = cannot.reasons(tf.__version__)
    met = set()
    for root in roots:
        for place in sorted(root.iterdir()):
            found, faults = check(cases.load(place.name, root))
            why = {fault: cannot.reason_of(fault, known) for fault in faults}
            faults = [fault for fault in faults if why[fault] is None]
            said = sorted({reason for reason in why.values() if reason})
            met.update(said)
            checks += found
            failures += len(faults)
            excused += len(why) - len(faults)
            print(f"{root.parent.name:<8} {root.name:<7} {place.name:<28} {found:>3} checks", end="  ")
            print("; ".join(faults) or ("cannot: " + "; ".join(said) if said else "right"), flush=True)
    stale = [why for _, why in known if why not in met]
    print(*("No module meets what is said of this TensorFlow: " + why for why in stale), sep="\n", end="")
    print(
        f"{checks - failures - excused} of {checks} results of TensorFlow {tf.__version__} are as expected, "
        f"{excused} are what it cannot do."
    )
    return 1 if failures or stale or not checks else 0


def check(case: Any) -> tuple:
    """How many results there are, and sentences about those that differ."""
    faults = []
    checks = 0
    for call in case.calls:
        inputs = case.values(call["inputs"])
        try:
            outputs = running.run_call(hub, case.path, set(call["tags"]), call["signature"], inputs)
        except Exception as error:  # noqa: BLE001 - whatever the original says, the others are still checked
            outputs = error
        checks += len(call["outputs"])
        faults += compare(case, call["signature"], call["outputs"], outputs)
    step = case.finetune
    if step:
        expected = {"loss": step["loss"], "reg_loss": step["reg_loss"], **step["variables_after"]}
        try:
            done = running.run_finetuning_step(hub, case.path, step, case.values(step["inputs"]))
            outputs = {"loss": done["loss"], "reg_loss": done["reg_loss"], **done["variables_after"]}
        except Exception as error:  # noqa: BLE001 - as above
            outputs = error
        checks += len(expected)
        faults += compare(case, "fine-tuning", expected, outputs)
    return checks, faults


def compare(case: Any, what: str, expected: dict, actual: Any) -> list:
    if isinstance(actual, Exception):
        sentence = str(actual).strip().split("\n")[0]
        return [f"{what}: {name} is missing: {type(actual).__name__}: {sentence}" for name in expected]
    faults = []
    for name, key in expected.items():
        try:
            cases.assert_matches(actual[name], case.value(key))
        except (AssertionError, KeyError, ValueError) as error:
            faults.append(f"{what}: {name} differs: {' '.join(str(error).split())[:200]}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
