"""Reads with this library what old_write.py wrote, in every mode, and compares: `read_old.py DIR...`.

In a graph: calls, twice over one state, a step of fine-tuning; exported from a session and without one. In
TensorFlow 2: `hub.load`, `KerasLayer`, a step of fine-tuning, and converted.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from golden import cases, in_graphs, in_tensorflow2

import tf1hub as hub
from interop import running

tf1 = tf.compat.v1


def main() -> int:
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    failures = checks = 0
    for directory in sys.argv[1:]:
        for place in sorted(Path(directory).iterdir()):
            faults = []
            with tempfile.TemporaryDirectory(prefix="tf1hub_interop_") as scratch:
                for name, check in modes(cases.load(place.name, place.parent), Path(scratch)):
                    checks += 1
                    try:
                        check()
                    except Exception as error:  # noqa: BLE001 - the other modes are still checked
                        faults.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
            failures += len(faults)
            print(f"{place.parent.name:<8} {place.name:<28}", "; ".join(faults) or "right", flush=True)
    print(f"{checks - failures} of {checks} ways to use the original library's modules give its numbers.")
    return 1 if failures or not checks else 0


def modes(case: cases.Case, scratch: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The ways to use a module, by name."""
    yield "calls in a graph", lambda: in_graphs.check_calls(case, case.path)
    yield "calls again", lambda: check_repeated(case)
    yield "exported", lambda: in_graphs.check_calls(case, in_graphs.exported_again(case.path, scratch))
    yield "exported without a session", lambda: check_copy(case, scratch / "copy")
    yield "loaded", lambda: check_loaded(case, hub.load(case.path))
    yield "in Keras", lambda: check_layer(case)
    yield "converted", lambda: check_converted(case, scratch / "converted")
    if case.finetune:
        yield "fine-tuning in a graph", lambda: in_graphs.check_finetuning_step(case, case.path)
        yield "fine-tuning when loaded", lambda: in_tensorflow2.check_finetuning(case, hub.load(case.path))


def check_repeated(case: cases.Case) -> None:
    for call in case.calls:
        with tf.Graph().as_default():
            module = hub.Module(case.path, trainable=True, tags=set(call["tags"]))
            inputs = running.feed(case.values(call["inputs"]))
            outputs = [module(inputs, signature=call["signature"], as_dict=True) for _ in range(2)]
            with tf1.Session() as session:
                running.initialize(session)
                compare(case, call, session.run(outputs)[1])


def check_copy(case: cases.Case, path: Path) -> None:
    spec = hub.load_module_spec(case.path)
    prefix = f"{case.path}/variables/variables"
    spec.export(path, checkpoint_path=prefix if Path(f"{prefix}.index").exists() else None)
    in_graphs.check_calls(case, str(path))


def check_loaded(case: cases.Case, module: Any) -> None:
    in_tensorflow2.check_calls(case, module, in_tensorflow2.restorer(module))


def check_converted(case: cases.Case, path: Path) -> None:
    if not hub.convert(case.path, str(path)).all_compared:
        raise AssertionError("not all of the conversion was compared with the module")
    check_loaded(case, hub.load(path))


def check_layer(case: cases.Case) -> None:
    for call in case.calls:
        inputs = in_tensorflow2.feeds(case, call["inputs"])
        if call["tags"] or not inputs:
            continue
        layer = hub.KerasLayer(case.path, signature=call["signature"], signature_outputs_as_dict=True)
        compare(case, call, layer(in_tensorflow2.only(inputs)))


def compare(case: cases.Case, call: dict[str, Any], outputs: Any) -> None:
    for output, key in call["outputs"].items():
        expected = case.value(key)
        found = outputs[output]
        cases.assert_matches(found if isinstance(expected, dict) else np.asarray(found), expected)


if __name__ == "__main__":
    sys.exit(main())
