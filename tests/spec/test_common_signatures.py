"""The common signatures as data: what a signature meets, and what it misses, in words."""

from __future__ import annotations

import pytest

from tf1hub.spec.common_signatures import (
    BERT_TOKENS,
    COMMON_SIGNATURES,
    ELMO_TOKENS,
    IMAGE_CLASSIFICATION,
    IMAGE_FEATURE_VECTOR,
    TEXT,
    find_intended,
    find_met,
    misses,
)
from tf1hub.spec.description import TensorDescription as Tensor

IMAGES = {"images": Tensor("float32", (None, 224, 224, 3))}
VECTORS = {"default": Tensor("float32", (None, 1280))}
SENTENCES = {"text": Tensor("string", (None,))}


def test_names_are_unique():
    assert len({common.name for common in COMMON_SIGNATURES}) == len(COMMON_SIGNATURES)


def test_conventions_that_are_kept_are_met():
    assert find_met("image_feature_vector", IMAGES, VECTORS) == [IMAGE_FEATURE_VECTOR]
    assert find_met("image_classification", IMAGES, VECTORS) == [IMAGE_CLASSIFICATION]
    assert find_met("default", SENTENCES, VECTORS) == [TEXT]
    assert find_met("another_name", SENTENCES, VECTORS) == []


@pytest.mark.parametrize(
    ("tensor", "fault"),
    [
        (Tensor("uint8", (None, 8, 8, 3)), "is uint8, not float32."),
        (Tensor("float32", (None, 8, 8, 1)), "has 1 in dimension 3, not 3."),
        (Tensor("float32", (None, 8, 8, None)), "has an unknown number in dimension 3, not 3."),
        (
            Tensor("float32", (4, 8, 8, 3)),
            "has a batch size of 4; it should be unknown, so that any batch size goes.",
        ),
        (Tensor("float32", (None, 192)), "has 2 dimensions, not 4 (float32 [?, any, any, 3])."),
        (Tensor("float32", None), "has a shape of unknown rank, not float32 [?, any, any, 3]."),
        (Tensor("float32", (None, 8, 8, 3), "sparse"), "is sparse, not dense."),
    ],
)
def test_what_images_miss_is_said(tensor, fault):
    assert misses(IMAGE_FEATURE_VECTOR, {"images": tensor}, VECTORS) == [f"The input 'images' {fault}"]


def test_missing_and_further_names_are_said():
    assert misses(IMAGE_FEATURE_VECTOR, {"image": IMAGES["images"]}, {"features": VECTORS["default"]}) == [
        "It has no input 'images' (float32 [?, any, any, 3]).",
        "It needs the further input 'image', which no caller of the convention gives.",
        "It has no output 'default' (float32 [?, N]).",
        "The output 'features' has no prefix; further outputs are named 'Architecture/layer'.",
    ]


def test_number_of_features_must_be_known():
    assert misses(TEXT, SENTENCES, {"default": Tensor("float32", (None, None))}) == [
        "The output 'default' has an unknown dimension 1; it should be known."
    ]


def test_prefixed_further_outputs_are_welcome():
    outputs = {**VECTORS, "MobilenetV2/layer_18": Tensor("float32", (None, 7, 7, 320))}
    assert misses(IMAGE_FEATURE_VECTOR, IMAGES, outputs) == []


def test_tokens_means_what_its_inputs_say():
    ids = Tensor("int32", (None, None))
    assert find_intended("tokens", {"input_ids": ids}, {}) is BERT_TOKENS
    words = {"tokens": Tensor("string", (None, None)), "sequence_len": Tensor("int32", (None,))}
    assert find_intended("tokens", words, {}) is ELMO_TOKENS
    assert find_intended("tokens", {"x": ids}, {}) is None


def test_default_aims_at_text_only_with_strings():
    assert find_intended("default", {"x": Tensor("float32", (None, 3))}, VECTORS) is None
    assert find_intended("default", {"x": Tensor("string", (3,))}, VECTORS) is TEXT
