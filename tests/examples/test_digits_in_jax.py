"""The demo's module, fine-tuned in JAX."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from examples.digits_demo import in_jax, publish
from examples.digits_demo.data import consumers_digits


def test_the_module_learns_another_task_in_jax(tmp_path: Path) -> None:
    publish.publish(tmp_path / "module", 100, lambda *_: None)
    digits = consumers_digits()
    accuracy = in_jax.fine_tune(tmp_path / "module", digits.take(slice(60)), digits.take(slice(60, None)))
    # From 60 labels; guessing gives 0.5.
    assert accuracy > 0.75
