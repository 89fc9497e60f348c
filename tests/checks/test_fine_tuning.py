"""The specification's advice for publishers, as findings."""

from __future__ import annotations

import tensorflow as tf
from golden import cases
from spec import small_modules

import tf1hub as hub
from tf1hub.checks.fine_tuning import fine_tuning
from tf1hub.spec.module_spec import load_module_spec

tf1 = tf.compat.v1


def found(spec) -> dict[str, tuple[str, str]]:
    return {finding.id: (finding.variant, finding.message) for finding in fine_tuning(spec)}


def images(tags_and_args=small_modules.BOTH, **arguments):
    return hub.create_module_spec(
        lambda is_training: small_modules.images(is_training, **arguments), tags_and_args
    )


def test_well_made_modules_get_no_advice():
    assert found(images()) == {}
    for name in ("image", "image_ref_variables", "dropout_cond"):
        assert found(load_module_spec(cases.load(name).path)) == {}


def test_trainable_weights_without_regularization():
    assert found(images(regularized=False)) == {
        "no-regularization": ("{'train'}", "No regularization loss, but trainable weights: kernel.")
    }


def test_momentum_too_near_one_is_told_with_its_consequence():
    assert found(images(momentum=0.999)) == {
        "batch-norm-momentum": (
            "{'train'}",
            "2 moving averages have the momentum 0.999 (moving_mean, moving_variance): they follow new data only "
            "after some 1,000 steps.",
        )
    }
    assert found(images(momentum=0.99)) == {}
    assert "never follow" in found(images(momentum=1.0))["batch-norm-momentum"][1]


def test_batch_norm_without_a_train_variant():
    assert found(images([(set(), {"is_training": False})])) == {
        "no-train-variant": (
            "",
            "No variant has the tag 'train', although the module has batch normalization.",
        )
    }


def dropout(with_switch: bool):
    def module_fn():
        x = tf1.placeholder(tf.float32, [None, 3])
        inputs = {"x": x}
        rate = 0.5
        if with_switch:
            inputs["is_training"] = tf1.placeholder(tf.bool, [])
            rate = tf.where(inputs["is_training"], 0.5, 0.0)
        scale = tf1.get_variable("scale", [3])
        hub.add_signature(inputs=inputs, outputs=tf.nn.dropout(x * scale, rate=rate))

    return hub.create_module_spec(module_fn)


def test_dropout_without_a_train_variant_unless_the_caller_switches_it():
    assert found(dropout(False)) == {
        "no-train-variant": ("", "No variant has the tag 'train', although the module has dropout.")
    }
    assert found(dropout(True)) == {}


def test_train_variant_whose_averages_nothing_keeps():
    def module_fn(is_training):
        small_modules.images(is_training)
        tf1.get_default_graph().clear_collection(tf1.GraphKeys.UPDATE_OPS)

    variant, message = found(hub.create_module_spec(module_fn, small_modules.BOTH))[
        "batch-norm-without-updates"
    ]
    assert variant == "{'train'}"
    assert message.startswith("1 batch normalizations use the batch's statistics (FusedBatchNorm")


def owners(*names_by_variant: list[str]):
    def module_fn(names):
        x = tf1.placeholder(tf.float32, [None])
        for name in names:
            x += tf1.get_variable(name, [])
        hub.add_signature(inputs=x, outputs=x)

    tags = [set(), {"train"}]
    return hub.create_module_spec(
        module_fn, [(tag, {"names": names}) for tag, names in zip(tags, names_by_variant, strict=True)]
    )


def test_variables_that_no_variant_owns_together():
    assert found(owners(["a", "b"], ["b", "c"])) == {
        "no-owner-of-all-variables": (
            "",
            "No variant owns all variables: only {} has a; only {'train'} has c. A fine-tuned copy cannot be "
            "exported from any.",
        )
    }


def test_train_variant_that_lacks_variables():
    assert found(owners(["a", "b"], ["b"])) == {
        "variables-not-owned": (
            "{'train'}",
            "Variables of other variants are missing here: a. What is fine-tuned with this variant cannot be "
            "exported.",
        )
    }
    assert found(owners(["b"], ["a", "b"])) == {}
