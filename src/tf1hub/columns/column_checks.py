"""Does a module suit a feature column? Asked when the column is made, before any graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tf1hub.errors import ColumnError
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.tensor_info import ParsedTensorInfo

IMAGE_SIGNATURES = ("default", "image_feature_vector")
"""Where a module may take images; the first that suits is used."""

_IMAGE_RANK = 4
_CHANNELS = 3


def check_text_module(spec: ModuleSpec) -> None:
    """Refuses a module that is no text embedding.

    Raises:
        ColumnError: it is none; all that is wrong with it is named.
    """
    if "default" not in spec.get_signature_names():
        faults = [f"it has no signature 'default', only {', '.join(spec.get_signature_names())}"]
    else:
        faults = [
            *_text_input_faults(spec.get_input_info_dict()),
            *_output_faults(spec.get_output_info_dict()),
        ]
    if faults:
        raise ColumnError(
            f"The module {spec.name} is not a text embedding: {'; '.join(faults)}. "
            "Such a module has a signature 'default' from one string tensor [?] to an output 'default' "
            "that is float32 [?, N]."
        )


def image_signature(spec: ModuleSpec) -> tuple[str, str]:
    """The signature, and the name of its input, by which a module turns images into feature vectors.

    Raises:
        ColumnError: there is none; what is wrong with each candidate is named.
    """
    faults: list[str] = []
    for signature in IMAGE_SIGNATURES:
        if signature not in spec.get_signature_names():
            faults.append(f"it has no signature {signature!r}")
            continue
        inputs, outputs = spec.get_input_info_dict(signature), spec.get_output_info_dict(signature)
        wrong = [*_image_input_faults(inputs), *_output_faults(outputs)]
        if not wrong:
            return signature, next(iter(inputs))
        faults.append(f"in its signature {signature!r}, {' and '.join(wrong)}")
    raise ColumnError(
        f"The module {spec.name} does not give image feature vectors: {'; '.join(faults)}. "
        "Such a module has a signature 'default' or 'image_feature_vector' from one input of images, "
        "float32 [?, height, width, 3], to an output 'default' that is float32 [?, N]."
    )


def width(outputs: Mapping[str, ParsedTensorInfo]) -> int:
    """N of the output `default`, which was checked to be `[?, N]`."""
    (_, features) = outputs["default"].shape or ()
    return int(features or 0)


def _text_input_faults(inputs: Mapping[str, ParsedTensorInfo]) -> Iterator[str]:
    if len(inputs) != 1:
        yield _count(inputs)
        return
    ((name, info),) = inputs.items()
    if (
        info.kind != "dense"
        or info.dtype_name != "string"
        or (info.shape is not None and len(info.shape) != 1)
    ):
        yield f"its input {name!r} is {info.describe()}"


def _image_input_faults(inputs: Mapping[str, ParsedTensorInfo]) -> Iterator[str]:
    if len(inputs) != 1:
        yield _count(inputs)
        return
    ((name, info),) = inputs.items()
    suits = (
        info.kind == "dense"
        and info.dtype_name == "float32"
        and info.shape is not None
        and len(info.shape) == _IMAGE_RANK
        and info.shape[3] == _CHANNELS
    )
    if not suits:
        yield f"the input {name!r} is {info.describe()}"


def _output_faults(outputs: Mapping[str, ParsedTensorInfo]) -> Iterator[str]:
    if "default" not in outputs:
        yield f"it has no output 'default', only {', '.join(outputs)}"
        return
    info = outputs["default"]
    known = info.shape is not None and len(info.shape) == 2 and info.shape[1] is not None
    if info.kind != "dense" or info.dtype_name != "float32" or not known:
        yield f"its output 'default' is {info.describe()}"


def _count(inputs: Mapping[str, ParsedTensorInfo]) -> str:
    return f"it has {len(inputs)} inputs ({', '.join(inputs)})" if inputs else "it has no input"
