"""`to="safetensors"`: a module's weights, with their names, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf1hub.converting.form import ConversionRequest, Form, Options, Written
from tf1hub.errors import CheckFailedError
from tf1hub.format import dtypes
from tf1hub.format.saved_model import format_tags
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.identity import module_digest
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.module_variables import read_variables
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.compared import Compared
from tf1hub.trial.expected import Given

_HELD = frozenset(
    {
        *("float64", "float32", "float16", "bfloat16", "complex64", "bool"),
        *(f"{kind}{size}" for kind in ("int", "uint") for size in (8, 16, 32, 64)),
    }
)
"""The dtypes that safetensors reads into NumPy: https://github.com/huggingface/safetensors#format."""


_PIECE = 1 << 24
"""How many bytes are compared at once."""


class SafetensorsForm(Form):
    """What `tf1hub.read_variables` gives, in one file; read without pickles, on any framework."""

    name = "safetensors"
    words = "the weights alone, by name, as safetensors"
    suffix = ".safetensors"
    packages = ("safetensors",)
    extra = "safetensors"

    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        del variants, options
        types = {
            variable.name: declared_type(variant, variable)[0]
            for variant in spec.variants()
            for variable in variant.variables
        }
        if not types:
            return [Refusal(f"it has no variables, and {self.name} holds nothing else")]
        names = {name: dtypes.name_of(number) for name, number in sorted(types.items()) if number is not None}
        return [
            Refusal(f"the variable {name!r} is {dtype}, which safetensors does not have")
            for name, dtype in names.items()
            if dtype not in _HELD
        ]

    def write(self, request: ConversionRequest, path: str) -> Written:
        from safetensors.numpy import save_file

        # Views of the memory-mapped checkpoint: the library writes them from where they lie.
        save_file(_arrays(request.spec), path, metadata=_metadata(request.spec))
        return Written({}, None)

    def compare(
        self, request: ConversionRequest, path: str, written: Written, examples: Given, tolerance: float
    ) -> Iterator[Compared]:
        """Holds every weight, read by the library, against the checkpoint, bit by bit."""
        from safetensors import safe_open

        del written, examples, tolerance
        faults: list[str] = []
        own = _arrays(request.spec)
        where = format_tags(request.inference.tags)
        with safe_open(path, framework="np") as file:
            if sorted(file.keys()) != sorted(own):
                faults.append("it does not have the same names")
            for name in sorted(own.keys() & set(file.keys())):
                if not _same_bytes(file.get_tensor(name), own[name]):
                    faults.append(f"the variable {name!r} has other values")
                yield Compared(where, "-", name, ("its bytes",), 0.0, 0.0)
        if faults:
            listed = "".join(f"\n  - {fault}" for fault in faults)
            raise CheckFailedError(
                f"The weights of {request.spec.name} are not what the module holds, so they were not kept:{listed}"
            )


def _same_bytes(found: Any, own: Any) -> bool:
    """Whether two arrays are the same bit by bit, compared piece by piece: they may be large."""
    if found.shape != own.shape or found.dtype != own.dtype:
        return False
    ours, theirs = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (own, found))
    return all(
        np.array_equal(ours[start : start + _PIECE], theirs[start : start + _PIECE])
        for start in range(0, ours.size, _PIECE)
    )


def _arrays(spec: ModuleSpec) -> Mapping[str, Any]:
    return dict(read_variables(spec))


def _metadata(spec: ModuleSpec) -> dict[str, str]:
    digest = module_digest(spec)
    return {"module": spec.name, **({"digest": digest} if digest else {})}
