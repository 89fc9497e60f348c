"""Images of an op: where their channels are, and the borders that its padding puts around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.traced_values import Value


class ImageLayout:
    """An image op: its input with channels first, its result as the op has it."""

    def __init__(self, call: LoweringCall, x: Value) -> None:
        self.call = call
        self.graph = call.graph
        self.format: str = call.get("data_format", "NHWC") or "NHWC"
        self.last = not self.format.startswith("NC")
        rank = call.rank(x)
        self.rank = rank - 2
        self.x = self.graph.channels_first(x) if self.last else x

    def back(self, value: Value) -> Value:
        return self.graph.channels_last(value) if self.last else value

    def spatial(self, name: str) -> list[int]:
        """An attribute's numbers for the spatial axes; 1 where it says nothing."""
        values = self.call.get(name) or [1] * (self.rank + 2)
        return list(values[1:-1]) if self.last else list(values[2:])

    @property
    def sizes(self) -> list[int | None]:
        shape = self.x.shape
        return [None] * self.rank if shape is None else list(shape[2:])

    def padding(self) -> dict[str, Any]:
        """Padding as ONNX has it; `SAME` puts the odd element after in both."""
        kind = self.call["padding"]
        if kind == "VALID":
            return {}
        if kind == "EXPLICIT":
            pairs = np.reshape(self.call["explicit_paddings"], (-1, 2)).tolist()
            inner = pairs[1:-1] if self.last else pairs[2:]
            return {"pads": [before for before, _ in inner] + [after for _, after in inner]}
        return {"auto_pad": "SAME_UPPER"}

    def fixed_padding(
        self, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
    ) -> dict[str, Any]:
        """The same in numbers where the sizes tell them, which ONNX Runtime has faster kernels for."""
        found = self.padding()
        if "auto_pad" not in found:
            return found
        before, after = [], []
        for n, width, stride, dilation in zip(self.sizes, window, strides, dilations, strict=True):
            reach = (width - 1) * dilation + 1
            if reach == 1:
                total = 0
            elif stride == 1:
                total = reach - 1
            elif n is None:
                return found
            else:
                total = max(0, (-(-n // stride) - 1) * stride + reach - n)
            before.append(total // 2)
            after.append(total - total // 2)
        return {"pads": before + after} if any(before + after) else {}

    def pad(
        self, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
    ) -> tuple[Value, dict[str, Any]]:
        """The input and padding; ONNX Runtime works out none where a convolution is dilated."""
        found = self.fixed_padding(window, strides, dilations)
        if "auto_pad" not in found or set(dilations) == {1}:
            return self.x, found
        return self._pad_by_sizes(window, strides, dilations, None), {}

    def pad_with(
        self, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], filling: float
    ) -> Value:
        """The input with its borders, of one number, for what is no operator of ONNX."""
        graph = self.graph
        found = self.fixed_padding(window, strides, dilations)
        fill = graph.const(filling, self.x.dtype)
        if "auto_pad" in found:
            return self._pad_by_sizes(window, strides, dilations, fill)
        if not found:
            return self.x
        pads = found["pads"]
        both = [0, 0, *pads[: self.rank], 0, 0, *pads[self.rank :]]
        wide = graph.op("Pad", self.x, graph.int64s(*both), fill)
        if self.x.shape is not None:
            sums = [0, 0, *(a + b for a, b in zip(pads, pads[self.rank :], strict=False))]
            wide.shape = tuple(
                None if n is None else n + more for n, more in zip(self.x.shape, sums, strict=True)
            )
        return wide

    def _pad_by_sizes(
        self, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], fill: Value | None
    ) -> Value:
        """The input with borders that its sizes tell while the model runs."""
        graph = self.graph
        sizes = graph.slice(graph.shape_of(self.x), 2, None, 0)
        reach = [(width - 1) * dilation + 1 for width, dilation in zip(window, dilations, strict=True)]
        steps, one, two = graph.int64s(*strides), graph.int64s(1), graph.int64s(2)
        last = graph.op("Div", graph.op("Sub", sizes, one), steps)
        total = graph.op("Sub", graph.op("Add", graph.op("Mul", last, steps), graph.int64s(*reach)), sizes)
        total = graph.op("Max", total, graph.int64s(0))
        before = graph.op("Div", total, two)
        none = graph.int64s(0, 0)
        pads = graph.concat([none, before, none, graph.op("Sub", total, before)], 0)
        wide = graph.op("Pad", self.x, pads, fill)
        if self.x.shape is not None:
            wide.shape = (*self.x.shape[:2], *[None] * self.rank)
        return wide
