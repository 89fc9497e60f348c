"""`to="safetensors"`: a module's weights, with their names, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
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
from tf1hub.trial.other_process import OtherProcess, start_importing

_HELD = frozenset(
    {
        *("float64", "float32", "float16", "bfloat16", "complex64", "bool"),
        *(f"{kind}{size}" for kind in ("int", "uint") for size in (8, 16, 32, 64)),
    }
)
"""The dtypes that safetensors reads into NumPy: https://github.com/huggingface/safetensors#format."""


_IMPORTS = ("ml_dtypes", "safetensors", __name__)
"""What the process that reads the file has imported before."""
_PIECE = 1 << 24
"""How many bytes are hashed at once."""


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

        start_importing(_IMPORTS)
        # Views of the memory-mapped checkpoint: the library writes them from where they lie.
        save_file(_arrays(request.spec), path, metadata=_metadata(request.spec))
        return Written({}, None)

    def compare(
        self, request: ConversionRequest, path: str, written: Written, examples: Given, tolerance: float
    ) -> Iterator[Compared]:
        """Holds every weight, read by the library in another process, against the checkpoint, bit by bit."""
        del written, examples, tolerance
        faults: list[str] = []
        own = _arrays(request.spec)
        where = format_tags(request.inference.tags)
        with OtherProcess(f"{__name__}:open_prints", path, _IMPORTS) as prints:
            try:
                names = prints(None)
            except RuntimeError as error:
                raise CheckFailedError(
                    f"The weights of {request.spec.name} cannot be read again, so they were not kept: {error}"
                ) from error
            if names != sorted(own):
                faults.append("it does not have the same names")
            for name in sorted(own.keys() & set(names)):
                if prints(name) != _print(own[name]):
                    faults.append(f"the variable {name!r} has other values")
                yield Compared(where, "-", name, ("its bytes",), 0.0, 0.0)
        if faults:
            listed = "".join(f"\n  - {fault}" for fault in faults)
            raise CheckFailedError(
                f"The weights of {request.spec.name} are not what the module holds, so they were not kept:{listed}"
            )


def open_prints(path: str) -> Callable[[str | None], Any]:
    """A file as a function from a name to the print of its array, and from None to all names."""
    import ml_dtypes  # noqa: F401  # without it NumPy has no bfloat16
    from safetensors import safe_open

    file: Any = safe_open(path, framework="np")
    return lambda name: sorted(file.keys()) if name is None else _print(file.get_tensor(name))


def _print(array: Any) -> tuple[str, tuple[int, ...], str]:
    """The dtype, the shape, and a digest of the bytes, which are hashed piece by piece: they may be many."""
    digest = hashlib.sha256()
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _PIECE):
        digest.update(flat[start : start + _PIECE].data)
    return array.dtype.name, array.shape, digest.hexdigest()


def _arrays(spec: ModuleSpec) -> Mapping[str, Any]:
    return dict(read_variables(spec))


def _metadata(spec: ModuleSpec) -> dict[str, str]:
    digest = module_digest(spec)
    return {"module": spec.name, **({"digest": digest} if digest else {})}
