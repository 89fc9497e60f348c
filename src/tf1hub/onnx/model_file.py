"""Writes a model: constants go to the file one after the other, and are in memory once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import onnx

from tf1hub.format.checkpoint.varint import encode_varint
from tf1hub.onnx.onnx_graph import tensor_type

LARGEST = 2_000_000_000
"""Bytes of constants that a file may hold: protobuf reads no message of 2 GiB."""

_ALIGNED = 4096
"""What external data starts at a multiple of, so that it can be mapped (onnx.proto, `external_data`)."""

_GRAPH, _INITIALIZER, _RAW = 7, 5, 9
"""Numbers of fields of ModelProto, GraphProto and TensorProto (onnx.proto)."""


def write_model(
    model: onnx.ModelProto,
    constants: Sequence[tuple[str, npt.NDArray[Any]]],
    path: str,
    external: bool | None = None,
) -> list[str]:
    """Writes a model to a file of this machine.

    Args:
        model: without its constants.
        constants: by name.
        path: of the file.
        external: whether the constants go to a file beside it; None for where they are too large for one.

    Returns:
        The files that were written.
    """
    if external is None:
        external = sum(array.nbytes for _, array in constants) > LARGEST
    data = f"{path}.data"
    heads: list[tuple[bytes, npt.NDArray[Any] | None]] = []
    offset = 0
    for name, array in constants:
        tensor = onnx.TensorProto(name=name, data_type=tensor_type(array.dtype), dims=array.shape)
        if array.dtype.kind == "O":
            tensor.string_data.extend(as_bytes(each) for each in array.ravel())
            heads.append((tensor.SerializeToString(), None))
        elif external and array.nbytes >= _ALIGNED:
            offset = -(-offset // _ALIGNED) * _ALIGNED
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (
                ("location", os.path.basename(data)),
                ("offset", offset),
                ("length", array.nbytes),
            ):
                tensor.external_data.add(key=key, value=str(value))
            offset += array.nbytes
            heads.append((tensor.SerializeToString(), None))
        else:
            heads.append((tensor.SerializeToString(), array))
    graph = model.graph.SerializeToString()
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    rest.ClearField("graph")
    lengths = [_length(head, array) for head, array in heads]
    total = len(graph) + sum(len(_tag(_INITIALIZER)) + len(encode_varint(n)) + n for n in lengths)
    with open(path, "wb") as file:
        file.write(rest.SerializeToString())
        file.write(_tag(_GRAPH) + encode_varint(total) + graph)
        for (head, content), length in zip(heads, lengths, strict=True):
            file.write(_tag(_INITIALIZER) + encode_varint(length) + head)
            if content is not None:
                file.write(_tag(_RAW) + encode_varint(content.nbytes))
                _write_array(file, content)
    if not external:
        return [path]
    with open(data, "wb") as file:
        for _, array in constants:
            if array.dtype.kind != "O" and array.nbytes >= _ALIGNED:
                file.write(bytes(-file.tell() % _ALIGNED))
                _write_array(file, array)
    return [path, data]


def as_bytes(value: Any) -> bytes:
    """A string as ONNX stores it."""
    return value if isinstance(value, bytes) else str(value).encode()


def _length(head: bytes, array: npt.NDArray[Any] | None) -> int:
    if array is None:
        return len(head)
    return len(head) + len(_tag(_RAW)) + len(encode_varint(array.nbytes)) + array.nbytes


def _tag(field: int) -> bytes:
    """The start of a field with a length (protobuf's wire type 2)."""
    return encode_varint(field << 3 | 2)


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    little = array if array.dtype.byteorder in "=<|" else array.astype(array.dtype.newbyteorder("<"))
    if not little.nbytes:
        return
    flat = little if little.flags.c_contiguous else np.ascontiguousarray(little)
    file.write(flat.reshape(-1).view(np.uint8).data)
