"""Modules in the style of those that were published from 2018 to 2020: what makes them, and calls of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from published import generators, image_networks, text_encoders

import tf1hub as hub

tf1 = tf.compat.v1

Inputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Published:
    """One module.

    Attributes:
        build: its `module_fn`, which is told whether it is built for training.
        calls: a signature and its inputs, call by call.
        step: the signature that is trained, and the output whose mean square is the loss; None where nothing is trained.
        chance: the outputs that are drawn, so that only their distribution is the same.
        variables: `"ref"` as TensorFlow 1 made them by default, or `"resource"`.
        refused: what does not take it, or gives other numbers (TensorFlow Lite quantizes what is marked so), and a part of the sentence that says why: the name of an engine or a form, or
            `"onnx mfcc"` where it is one signature's reason.
    """

    build: Callable[[bool], None]
    calls: tuple[tuple[str, Inputs], ...]
    step: tuple[str, str] | None = ("default", "default")
    chance: frozenset[str] = frozenset()
    variables: str = "ref"
    refused: Mapping[str, str] = field(default_factory=dict)


def floats(*shape: int, seed: int = 0, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def numbers(rows: list[list[int]], dtype: Any = np.int32) -> np.ndarray:
    return np.array(rows, dtype)


def texts(rows: Any) -> np.ndarray:
    return np.array(rows, object)


def of_images(*sizes: int, endpoints: tuple[str, ...]) -> tuple[tuple[str, Inputs], ...]:
    return tuple(
        (name, {"images": floats(2, size, size, 3, seed=number)})
        for number, (name, size) in enumerate(zip(endpoints, sizes, strict=True))
    )


ALL = ("default", "image_feature_vector", "image_classification")
TOKENS = {
    "input_ids": numbers([[1, 7, 9, 2, 0], [1, 4, 2, 0, 0], [1, 29, 28, 5, 2]]),
    "input_mask": numbers([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]),
}
SEGMENTS = {"segment_ids": numbers([[0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1]])}
SENTENCES = texts([b"the quick brown fox", b"", b"Jumps over the lazy dog!", "Füchse, don't".encode(), b"a"])
PIECES = {
    "values": np.array([3, 9, 0, 39, 12, 3], np.int64),
    "indices": numbers([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [3, 0]], np.int64),
    "dense_shape": np.array([4, 3], np.int64),
}
DRAWN = {"x": floats(3, 16, 16, 1)}
BLUR = np.exp(-0.02 * (np.fft.fftfreq(16, 1 / 16)[:, None] ** 2 + np.arange(9.0)[None] ** 2))
PHOTOS = {"images": floats(2, 30, 40, 3, seed=5)}

PUBLISHED: dict[str, Published] = {
    "inception": Published(image_networks.inception, of_images(35, 35, 35, endpoints=ALL)),
    "resnet_v1": Published(image_networks.resnet_v1, of_images(33, 47, endpoints=ALL[:2])),
    "resnet_v2": Published(
        image_networks.resnet_v2, of_images(32, 32, 32, endpoints=ALL), variables="resource"
    ),
    "mobilenet_v2": Published(image_networks.mobilenet_v2, of_images(32, 32, 32, endpoints=ALL)),
    "mobilenet_quantops": Published(
        image_networks.mobilenet_quantops,
        of_images(24, 24, endpoints=ALL[:2]),
        refused={"tflite": "gives an output 'default' that differs by up to 0.0"},
    ),
    "nasnet": Published(image_networks.nasnet, of_images(32, 32, 32, endpoints=ALL)),
    "bert": Published(
        text_encoders.bert,
        (
            ("tokens", {**TOKENS, **SEGMENTS}),
            ("tokens", {name: value[:1, :3] for name, value in {**TOKENS, **SEGMENTS}.items()}),
            ("mlm", {**TOKENS, **SEGMENTS, "mlm_positions": numbers([[1, 2], [1, 0], [3, 4]])}),
        ),
        step=("tokens", "pooled_output"),
        refused={"saved_model": "vocab_file, in the signature 'tokenization_info'"},
    ),
    "albert": Published(
        text_encoders.albert,
        (("tokens", TOKENS),),
        step=("tokens", "pooled_output"),
        variables="resource",
        refused={"tflite": "StridedSlice"},
    ),
    "elmo": Published(
        text_encoders.elmo,
        (
            ("default", {"strings": texts([b"the cat is on the mat", b"dogs are in the fog"])}),
            (
                "tokens",
                {
                    "tokens": texts(
                        [[b"the", b"cat", b"sat"], [b"dogs", b"", b""], [b"extraordinarily", b"so", b""]]
                    ),
                    "sequence_len": np.array([3, 1, 2], np.int32),
                },
            ),
        ),
        refused={
            "stablehlo": "text, which StableHLO does not have",
            "saved_model": "VariableV2",
            "tflite": "VariableV2",
        },
    ),
    "nnlm": Published(
        text_encoders.nnlm,
        (("default", {"default": SENTENCES}),),
        refused={"tflite": "DynamicPartition", "stablehlo": "text, which StableHLO does not have"},
    ),
    "use_lite": Published(
        text_encoders.use_lite,
        (("default", PIECES),),
        refused={"tflite": "SparseFillEmptyRows", "stablehlo": "values of its inputs decide shapes"},
    ),
    "word_ngrams": Published(
        text_encoders.word_ngrams,
        (("default", {"default": SENTENCES}),),
        variables="resource",
        refused={"tflite": "SparseFillEmptyRows", "stablehlo": "text, which StableHLO does not have"},
    ),
    "biggan": Published(
        generators.biggan,
        (
            (
                "default",
                {
                    "z": floats(2, 12, low=-1.0),
                    "y": np.eye(5, dtype=np.float32)[[3, 0]],
                    "truncation": np.float32(0.4),
                },
            ),
        ),
        variables="resource",
        refused={"saved_model": "VarHandleOp", "tflite": "VarHandleOp"},
    ),
    "dcgan": Published(
        generators.dcgan,
        (
            ("default", {"z": floats(3, 6, low=-1.0)}),
            ("discriminator", {"images": floats(2, 16, 16, 1, low=-1.0)}),
        ),
    ),
    "galaxies": Published(
        generators.galaxies,
        (
            ("default", {**DRAWN, "psf": np.stack([BLUR, BLUR**2, BLUR]).astype(np.complex64)}),
            ("encode", DRAWN),
            ("sample", {"x": floats(64, 16, 16, 1)}),
        ),
        chance=frozenset({"sample"}),
        variables="resource",
        refused={"tflite": "IRFFT2D"},
    ),
    "vggish": Published(
        generators.vggish,
        (
            ("default", {"default": np.sin(np.arange(900) * 0.7).astype(np.float32)}),
            ("default", {"default": floats(430)}),
            ("mfcc", {"default": floats(430)}),
        ),
    ),
    "detector": Published(
        generators.detector,
        (
            ("default", PHOTOS),
            ("named", PHOTOS),
            ("combined", PHOTOS),
            (
                "rois",
                {
                    **PHOTOS,
                    "boxes": numbers([[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [0.5, 0.5, 1.2, 0.8]], np.float32),
                    "box_indices": np.array([0, 1, 1], np.int32),
                },
            ),
            ("raw", PHOTOS),
        ),
        step=("raw", "default"),
        variables="resource",
        refused={
            "tflite": "TensorListReserve",
            "stablehlo": "The node 'map_1/while/Where' .Where. cannot compute",
        },
    ),
    "captions": Published(
        generators.captions,
        (
            ("default", {"features": floats(2, 10), "tokens": numbers([[1, 3, 4, 2], [1, 3, 5, 7]])}),
            ("greedy", {"features": floats(3, 10, low=-2.0, high=2.0)}),
            ("text", {"features": floats(3, 10, low=-2.0, high=2.0)}),
            ("beams", {"features": floats(3, 10, low=-2.0, high=2.0)}),
        ),
        refused={"tflite": "TensorListReserve"},
    ),
}


def publish(published: Published, directory: Path) -> str:
    """Makes a module, and writes it with values that tell its variables apart; returns its path."""
    words = directory / "vocab.txt"
    words.write_bytes(b"\n".join(text_encoders.WORDS) + b"\n")
    text_encoders.WORDS_FILE[:] = [str(words)]

    def module_fn(is_training: bool) -> None:
        with tf1.variable_scope("", use_resource=published.variables == "resource"):
            published.build(is_training)

    variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    tf1.disable_control_flow_v2()  # loops and conds as all of them had then
    try:
        spec = hub.create_module_spec(module_fn, tags_and_args=variants)
    finally:
        tf1.enable_control_flow_v2()
    path = directory / "module"
    # The same numbers in every run: some of all numbers lie so near a bend of a ReLU that engines differ.
    tf.random.set_seed(7)
    spec.export(
        path, values={name: _made_up(name, value) for name, value in hub.initial_values(spec).items()}
    )
    return str(path)


def _made_up(name: str, initial: np.ndarray) -> np.ndarray:
    numbers = np.random.default_rng(zlib.crc32(name.encode()))
    if "variance" in name:
        return (0.5 + numbers.random(initial.shape)).astype(initial.dtype)
    noise = 0.1 if initial.any() else 0.3
    return (initial + noise * numbers.standard_normal(initial.shape)).astype(initial.dtype)
