"""Numbers that follow from a size with a name, and the sizes that they become: what floating-point numbers give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tf1hub.arrays.named_fractions import NamedFraction, compute_with_fractions

pytest.importorskip("jax")
import jax
from jax import export

WORDS = {"floordiv": lambda a, b: a // b, "mod": lambda a, b: a % b, "max": max, "min": min}
ROUNDED: dict[str, Any] = {"Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Trunc": np.trunc}


def op(kind: str, *inputs: Any) -> Any:
    given = [value if isinstance(value, np.ndarray) else np.asarray(value, np.float64) for value in inputs]
    found = compute_with_fractions(kind, {}, None, given)
    assert found is not None
    return found[0]


def cast(x: Any, dtype: Any) -> Any:
    found = compute_with_fractions("Cast", {"DstT": dtype}, None, [x])
    return None if found is None else found[0]


def halves(x: Any, number: Any) -> Any:
    return op("RealDiv", op("Sub", x, op("Mul", x, number)), 2.0)


@pytest.mark.parametrize("how", list(ROUNDED))
@pytest.mark.parametrize("number", [0.5, 0.875, 0.7, 1 / 3, 3.0, 0.9])
def test_a_size_is_what_floating_point_numbers_give(how: str, number: float) -> None:
    (size,) = export.symbolic_shape("(h,)", constraints=["4194304 >= h"])
    x = cast(np.asarray(size, object), np.float64)
    fraction = halves(x, number).item()
    found = fraction.round(how)
    # Of 0.7 as a double, some sizes leave a little more than a whole number.
    assert (found is None) == (number == 0.7 and how in ("Ceil", "Round"))
    if found is None:
        return
    sizes = np.arange(1, 3000)
    expected = ROUNDED[how]((sizes - sizes * np.float64(number)) / 2.0)
    text = compile(str(found).replace("^", "**"), "size", "eval")
    assert [eval(text, {"h": int(h), **WORDS}) for h in sizes] == expected.astype(int).tolist()


def test_a_limit_is_asked_for_where_a_number_is_rounded_on_the_way() -> None:
    (size,) = export.symbolic_shape("(h,)")
    exact = halves(cast(np.asarray(size, object), np.float64), 0.75).item()
    assert exact.round("Trunc") == size // 8
    narrow = cast(np.asarray(size, object), np.float32)
    rounded = compute_with_fractions("Mul", {}, None, [narrow, np.asarray(0.1, np.float32)])
    assert rounded is not None
    with pytest.raises(ValueError, match=r"^Symbolic dimension comparison '4194304' >= 'h' is inconclusive$"):
        rounded[0].item().round("Ceil")


def test_what_is_no_quotient_is_traced() -> None:
    h, w = export.symbolic_shape("(h, w)", constraints=["4194304 >= h"])
    sizes = cast(np.asarray([h, w], object), np.float32)
    one, other = sizes
    pair = [np.asarray(one, object), np.asarray(other, object)]
    assert compute_with_fractions("Add", {}, None, pair) is None  # of two sizes
    square = NamedFraction(h, np.float32, ("Mul", one.tree, one.tree))
    assert square.round("Floor") is None
    assert compute_with_fractions("Sqrt", {}, None, pair[:1]) is None
    assert cast(np.asarray([b"text"], object), np.float32) is None

    def trace(x: Any) -> Any:
        fraction = cast(np.asarray(x.shape[0], object), np.float32).item()
        return op_single(fraction).trace() + 0 * x[0]

    shape = jax.ShapeDtypeStruct(export.symbolic_shape("(n,)"), np.float32)
    exported = export.export(jax.jit(trace))(shape)
    assert exported.call(np.ones(7, np.float32)) == np.float32(7) * np.float32(0.3) + np.float32(1)


def op_single(fraction: NamedFraction) -> NamedFraction:
    scaled: Callable[..., Any] = compute_with_fractions
    (times,) = scaled("Mul", {}, None, [np.asarray(fraction, object), np.asarray(0.3, np.float32)])
    (more,) = scaled("Add", {}, None, [times, np.asarray(1, np.float32)])
    found: NamedFraction = more.item()
    return found
