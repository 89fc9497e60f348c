"""Pickles of loaded modules that earlier versions wrote are read."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import tensorflow as tf

from tf1hub.errors import UnsupportedFormatError
from tf1hub.tf2.loaded import LoadedModule
from tf1hub.tf2.loaded_state import PICKLE_VERSION

STORED = Path(__file__).resolve().parents[1] / "artefacts"


@pytest.mark.parametrize("version", range(PICKLE_VERSION + 1))
def test_a_pickle_of_each_version_is_read(version: int) -> None:
    module = pickle.loads((STORED / f"loaded_module_{version}.pickle").read_bytes())
    assert isinstance(module, LoadedModule)
    x = tf.constant([1.0, 2.0])
    assert module(x).numpy().tolist() == [3.0, 6.0]
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(module(x))
    assert tape.gradient(y, module.trainable_variables)[0] == 3.0


def test_a_pickle_of_a_newer_version_says_what_reads_it() -> None:
    module = pickle.loads((STORED / f"loaded_module_{PICKLE_VERSION}.pickle").read_bytes())
    restore, (version, spec, state) = module.__reduce__()
    assert version == PICKLE_VERSION
    with pytest.raises(UnsupportedFormatError) as caught:
        restore(PICKLE_VERSION + 1, spec, state)
    assert str(caught.value) == (
        "The pickled module module_fn() is of version 2, and this tf1hub reads versions up to 1. Unpickle it with the "
        "tf1hub that pickled it, or a newer one."
    )
