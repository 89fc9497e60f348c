"""What a module computes on NumPy: the numbers that its conversion has to give, without TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tf1hub.errors import Error
from tf1hub.format.tensor_names import tensor_name
from tf1hub.predict.array_inputs import ArrayInterface
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.trial.shared_runs import Arrays, CannotRunError, Evaluate


class OnNumpy:
    """A module on NumPy, each call from the stored state: an `Oracle`.

    Args:
        spec: the module.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        self._spec = spec

    def check(self, variant: Variant, signature: str, feeds: Mapping[str, Any]) -> None:
        """Refuses inputs that a signature does not take; see `Oracle`."""
        interface_of(variant, signature).arrays(feeds)

    def sharing(self) -> contextlib.AbstractContextManager[None]:
        """Nothing is shared; see `Oracle`."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def open(self, variant: Variant) -> Iterator[Evaluate]:
        """The variant's programs; see `Oracle`."""
        from tf1hub.arrays.module_code import ModuleCode

        module = ModuleCode(self._spec, variant)

        def evaluate(signature: str, feeds: Mapping[str, Any]) -> Arrays:
            code = module.signature(signature)
            try:
                arrays = interface_of(variant, signature).arrays(feeds)
                results = module.run(code.code, [arrays[name] for name in code.arguments])
            except Error as error:
                raise CannotRunError(str(error)) from error
            return outputs_by_name(variant, signature, dict(zip(code.fetches, results, strict=True)))

        yield evaluate


def interface_of(variant: Variant, signature: str) -> ArrayInterface:
    """What turns the inputs of a signature into arrays by the names of tensors."""
    return ArrayInterface(variant.inputs(signature), variant.outputs(signature), signature, variant.where)


def outputs_by_name(variant: Variant, signature: str, values: Mapping[str, Any]) -> Arrays:
    """The arrays behind each output, from those by the names of tensors."""
    infos = variant.outputs(signature)
    return {name: [values[tensor_name(each)] for each in info.tensor_names] for name, info in infos.items()}
