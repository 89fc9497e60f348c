"""Inputs and outputs as the dense tensors that they consist of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf1hub.format.tensor_names import tensor_name


def part_names(key: str, infos: Mapping[str, Any]) -> list[str]:
    """What the dense tensors of an input or output are called: its name, or that with the part after `_`."""
    info = infos[key]
    if info.kind == "dense":
        return [key]
    count = len(info.tensor_names)
    if info.is_sparse:
        parts = ["indices", "values", "dense_shape"]
    elif info.ragged_rank is None:
        parts = [str(index) for index in range(count)]
    else:
        parts = [
            "values",
            *(["row_splits"] if count == 2 else [f"row_splits_{axis}" for axis in range(count - 1)]),
        ]
    names = [f"{key}_{part}" for part in parts]
    # Another input may be called like that; then the parts are marked.
    while set(names) & infos.keys():
        names = [f"{name}_" for name in names]
    return names


def tensors_of(infos: Mapping[str, Any]) -> list[str]:
    """The names of all of their tensors."""
    return [tensor_name(name) for info in infos.values() for name in info.tensor_names]


def tensor_of_parts(infos: Mapping[str, Any]) -> dict[str, str]:
    """The tensor of each dense part."""
    return {
        part: tensor_name(tensor)
        for key, info in infos.items()
        for part, tensor in zip(part_names(key, infos), info.tensor_names, strict=True)
    }
