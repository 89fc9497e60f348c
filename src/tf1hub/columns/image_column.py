"""hub.image_embedding_column: an image's pixels, embedded by a module."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from tf1hub._tensorflow import register_feature_column
from tf1hub.columns.base import ModuleColumn, check_key, feature_name
from tf1hub.columns.column_checks import image_signature, width
from tf1hub.errors import ColumnError
from tf1hub.spec.image_info import get_expected_image_size
from tf1hub.spec.module_spec import ModuleSpec


def image_embedding_column(
    key: Any,
    module_spec: ModuleSpec | str | os.PathLike[str],
    image_size: tuple[int, int] | None = None,
) -> Any:
    """A dense feature column: one image for each example, as a feature vector from a module.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     images = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3])
        ...     hub.add_signature(inputs={"images": images}, outputs=tf.reduce_mean(images, [1, 2]))
        >>> column = hub.image_embedding_column("picture", hub.create_module_spec(module_fn))
        >>> hub.get_expected_image_size(column.module_spec)
        [8, 8]
        >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ...     features = {"picture": tf.ones([1, 8, 8, 3])}
        ...     print(session.run(tf.compat.v1.feature_column.input_layer(features, [column])))
        [[1. 1. 1.]]

    Args:
        key: name of the feature, or a column that gives it: float32 `[batch_size, height, width, 3]`, RGB
            values in [0, 1], in the size that `get_expected_image_size(column.module_spec)` names.
        module_spec: a handle or a ModuleSpec: its signature `default`, or `image_feature_vector`, takes one
            input of images and gives float32 `[?, N]`. A column that is to be saved needs a handle.
        image_size: height and width, in pixels, of the images, where they differ from the size that the
            module expects; whether it can take them depends on the module.

    Returns:
        A column of shape `[N]`; the module is not trained.

    Raises:
        ColumnError: the module gives no image feature vectors, or cannot take images of `image_size`.
        Error: the module cannot be read, as `load_module_spec`.
    """
    return _ImageEmbeddingColumn(key, module_spec, None if image_size is None else tuple(image_size))


# The name stands in the configs of saved models.
@register_feature_column
@dataclass(frozen=True)
class _ImageEmbeddingColumn(ModuleColumn):
    key: Any
    module_spec_path: ModuleSpec | str | os.PathLike[str]
    image_size: tuple[int, ...] | None = None
    trainable = False
    _function = "image_embedding_column"

    def __post_init__(self) -> None:
        check_key(self.key)
        self._signature  # noqa: B018 - looked up now, so that a module without images is refused here
        if self.image_size is not None:
            # A config that went through JSON has a list, which could not be hashed.
            object.__setattr__(self, "image_size", tuple(self.image_size))
            self._check_size()

    @cached_property
    def _signature(self) -> tuple[str, str]:
        return image_signature(self.module_spec)

    @property
    def _width(self) -> int:
        return width(self.module_spec.get_output_info_dict(self._signature[0]))

    @property
    def _size(self) -> tuple[int, ...]:
        return self.image_size or tuple(get_expected_image_size(self.module_spec, *self._signature))

    def _check_size(self) -> None:
        signature, name = self._signature
        info = self.module_spec.get_input_info_dict(signature)[name]
        sizes = list(self.image_size or ())
        if len(sizes) != 2 or not info.get_shape()[1:3].is_compatible_with(sizes):
            raise ColumnError(
                f"The image_size is {self.image_size!r}; the module {self.module_spec.name} takes images "
                f"{info.shape_text()}, and image_size is their height and width."
            )

    def _own_parse_spec(self) -> Any:
        return tf.io.FixedLenFeature([*self._size, 3], tf.float32)

    def _embed(self, apply: Callable[..., Any], feature: Any) -> Any:
        signature, name = self._signature
        _check_images(feature, self.key)
        return apply({name: feature}, signature=signature)


def _check_images(feature: Any, key: Any) -> None:
    dense = isinstance(feature, tf.Tensor)
    if (
        not dense
        or feature.dtype != tf.float32
        or not feature.shape.is_compatible_with([None, None, None, 3])
    ):
        found = f"{feature.dtype.name} {feature.shape.as_list()}" if dense else repr(feature)
        raise ColumnError(
            f"The feature {feature_name(key)!r} is {found}, but image_embedding_column wants float32 "
            "[batch_size, height, width, 3], RGB values in [0, 1], as tf.image.convert_image_dtype gives."
        )
