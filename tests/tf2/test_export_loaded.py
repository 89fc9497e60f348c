"""Loaded modules written as modules again, where some of their variants were not loaded."""

from __future__ import annotations

import os
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tf1hub as hub
from tf1hub.errors import ExportError
from tf1hub.format.checkpoint import CheckpointWriter

tf1 = tf.compat.v1
VARIANTS = [(set(), {"extra": True}), ({"train"}, {"extra": False}), ({"wide"}, {"extra": True})]


def grown(extra: bool) -> None:
    x = tf1.placeholder(tf.float32, [None])
    y = x * tf1.get_variable("v", initializer=1.0)
    if extra:
        parts = tf1.get_variable(
            "extra",
            [4],
            initializer=tf1.constant_initializer(2.5),
            partitioner=tf1.fixed_size_partitioner(2),
        )
        y *= tf.reduce_sum(tf.convert_to_tensor(parts))
    hub.add_signature(inputs=x, outputs=y)


def spec() -> hub.ModuleSpec:
    return hub.create_module_spec(grown, VARIANTS)


@pytest.mark.parametrize("stored", [False, True])
def test_variables_that_are_not_loaded_keep_the_values_that_they_start_from(
    stored: bool, tmp_path: pathlib.Path
) -> None:
    if stored:
        hub.load(spec()).export(tmp_path / "module")
    module = hub.load(tmp_path / "module" if stored else spec(), tags={"train"})
    (v,) = module.variables
    v.assign(5.0)
    module.export(tmp_path / "out")
    assert hub.load(tmp_path / "out")([1.0]).numpy().tolist() == [50.0]
    assert hub.read_variables(tmp_path / "out")["extra"].tolist() == [2.5] * 4


def test_what_has_no_value_is_named_and_nothing_is_left(tmp_path: pathlib.Path) -> None:
    hub.load(spec()).export(tmp_path / "module")
    variables = tmp_path / "module" / "variables"
    shutil.rmtree(variables)
    variables.mkdir()
    with CheckpointWriter(str(variables / "variables")) as writer:
        writer.add("v", np.float32(1.0))
    module = hub.load(tmp_path / "module", tags={"train"})
    text = (
        f"The module cannot be exported whole: variant {{}} of {tmp_path}/module, variant {{'wide'}} of "
        f"{tmp_path}/module have variables that were not loaded, whose values are not known: extra. "
        f"There are no values for these variables of {tmp_path}/module: extra."
    )
    with pytest.raises(ExportError, match=f"^{re.escape(text)}$"):
        module.export(tmp_path / "out")
    assert os.listdir(tmp_path) == ["module"]


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_a_conversion_needs_only_the_variants_that_run(
    stored: bool, loaded: bool, tmp_path: pathlib.Path
) -> None:
    def partly_broken(broken: bool) -> None:
        grown(extra=False)
        if broken:
            tf1.get_variable("broken", initializer=tf.numpy_function(lambda: 1.0, [], tf.float32))

    made = (
        spec()
        if stored
        else hub.create_module_spec(
            partly_broken, [(set(), {"broken": True}), ({"train"}, {"broken": False})]
        )
    )
    if stored:
        hub.load(made).export(tmp_path / "module")
    handle = tmp_path / "module" if stored else made
    conversion = hub.convert(
        hub.load(handle, tags={"train"}) if loaded else handle,
        tmp_path / "out",
        tags=None if loaded else {"train"},
    )
    assert [(row.variant, row.max_abs) for row in conversion.compared] == [("{'train'}", 0.0)]
    assert tf.saved_model.load(str(tmp_path / "out"))([3.0]).numpy().tolist() == [3.0]
