"""The features that a module computes for a task, with its conventional signature."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1hub.comparing.task import Task, require_pillow
from tf1hub.errors import CheckFailedError
from tf1hub.spec.common_signatures import IMAGE_FEATURE_VECTOR, TEXT, CommonSignature, misses
from tf1hub.spec.image_info import get_expected_image_size
from tf1hub.spec.module_spec import ModuleSpec


@dataclass(frozen=True)
class Features:
    """What a module made of a task.

    Attributes:
        values: an array [n, width], float32.
        seconds: the time of computing them, in total, without loading the module.
        memory: bytes by which the process grew at most; None where the system does not tell.
    """

    values: Any
    seconds: float
    memory: int | None


def choose_signature(spec: ModuleSpec, kind: str) -> tuple[str, str]:
    """The signature that gives feature vectors by convention, and its input's name.

    Raises:
        CheckFailedError: there is none; the message says what is missed.
    """
    common, candidates = (TEXT, ("default",)) if kind == "text" else (
        IMAGE_FEATURE_VECTOR, ("image_feature_vector", "default"))  # fmt: skip
    faults: list[str] = []
    for signature in candidates:
        if signature not in spec.get_signature_names():
            faults.append(f"it has no signature {signature!r}")
            continue
        missed = _misses(spec, signature, common)
        if not missed:
            (name,) = spec.get_input_info_dict(signature)
            return signature, name
        faults.append(f"{signature!r}: {' '.join(missed)}")
    raise CheckFailedError(
        f"{spec.name} has no signature that gives {kind} feature vectors by convention: {'; '.join(faults)}"
    )


def compute(spec: ModuleSpec, task: Task, batch_size: int, advance: Callable[[int], None]) -> Features:
    """Runs the module over all examples.

    Args:
        spec: the module.
        task: its examples.
        batch_size: examples at once.
        advance: is told how many examples are done.
    """
    from tf1hub.graph import eval_function_for_module

    signature, name = choose_signature(spec, task.kind)
    size = get_expected_image_size(spec, signature, name) if task.kind == "image" else None
    peak = PeakMemory()
    rows: list[Any] = []
    seconds = 0.0
    with eval_function_for_module(spec) as function:
        for start in range(0, len(task), batch_size):
            batch = _batch(task, start, start + batch_size, size)
            if not rows:
                # The first run also compiles the graph and warms its buffers.
                function({name: batch}, signature=signature)
            begun = time.perf_counter()
            found = np.asarray(function({name: batch}, signature=signature), np.float32)
            seconds += time.perf_counter() - begun
            if found.ndim != 2 or len(found) != len(batch):
                raise CheckFailedError(
                    f"The signature {signature!r} of {spec.name} gives a tensor of the shape {[*found.shape]} for "
                    f"{len(batch)} examples; feature vectors have the shape [{len(batch)}, N]."
                )
            rows.append(found)
            advance(len(batch))
    return Features(np.concatenate(rows), seconds, peak.growth())


class PeakMemory:
    """How far the memory of this process has grown, at most, since this object was made."""

    def __init__(self) -> None:
        self._before = None
        # Linux forgets the old peak when asked to; elsewhere there is only that of the whole process.
        with contextlib.suppress(OSError):
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
            self._before = _status("VmRSS")

    def growth(self) -> int | None:
        """Bytes; None where the system does not tell."""
        if self._before is None:
            return None
        with contextlib.suppress(OSError):
            peak = _status("VmHWM")
            return None if peak is None else max(0, peak - self._before)
        return None


def _status(field: str) -> int | None:
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None


def _misses(spec: ModuleSpec, signature: str, common: CommonSignature) -> list[str]:
    inputs = {name: info.description for name, info in spec.get_input_info_dict(signature).items()}
    outputs = {name: info.description for name, info in spec.get_output_info_dict(signature).items()}
    if common is IMAGE_FEATURE_VECTOR and signature == "default" and len(inputs) == 1:
        # The unnamed signature does the same from its one input, whatever that is called.
        inputs = {"images": next(iter(inputs.values()))}
    # What else a module gives is of no concern here.
    return misses(common, inputs, {name: info for name, info in outputs.items() if name == "default"})


def _batch(task: Task, start: int, stop: int, size: list[int] | None) -> Any:
    examples = task.examples[start:stop]
    if size is None:
        return np.array([text.encode() for text in examples], dtype=object)
    height, width = size
    return np.stack([_resize(image, height, width) for image in _images(examples)])


def _images(examples: Any) -> Iterator[Any]:
    """RGB images, floats in [0, 1]."""
    for example in examples:
        if isinstance(example, str | os.PathLike):
            with require_pillow().open(example) as image:
                yield np.asarray(image.convert("RGB"), np.float32) / 255
        else:
            scale = 255 if example.dtype == np.uint8 else 1
            image = np.asarray(example, np.float32) / scale
            yield np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _resize(image: Any, height: int, width: int) -> Any:
    if image.shape[:2] == (height, width):
        return image
    pillow = require_pillow()
    channels = [
        np.asarray(pillow.fromarray(channel).resize((width, height), pillow.Resampling.BILINEAR))
        for channel in np.moveaxis(np.ascontiguousarray(image), 2, 0)
    ]
    return np.stack(channels, axis=2)
