"""Image networks in the style of TF-Slim's model zoo: feature vectors and classifications, with their endpoints."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from published.layers import batch_norm, convolution, dense, depthwise, dropout, variable

import tf1hub as hub

tf1 = tf.compat.v1


def images_of(size: int) -> Any:
    images = tf1.placeholder(tf.float32, [None, size, size, 3], "images")
    return images, images * 2.0 - 1.0


def attach_size(size: int) -> None:
    info = hub.ImageModuleInfo()
    info.default_image_size.height = info.default_image_size.width = size
    hub.attach_image_module_info(info)


def add_signatures(images: Any, features: Any, endpoints: dict[str, Any], logits: Any = None) -> None:
    """The common signatures of image modules: their outputs are `default` and the endpoints."""
    vector = {**endpoints, "default": features}
    hub.add_signature("image_feature_vector", {"images": images}, vector)
    hub.add_signature("default", {"images": images}, features if logits is None else logits)
    if logits is not None:
        outputs = {**endpoints, "default": logits, "predictions": tf.nn.softmax(logits)}
        hub.add_signature("image_classification", {"images": images}, outputs)
    attach_size(int(images.shape[1]))


def inception(is_training: bool) -> None:
    """Branches that are concatenated, factorized convolutions, convolutions whose batch norm has no scale."""
    norm = batch_norm(is_training, scale=False)

    def conv(x: Any, filters: int, size: Any, scope: str, stride: int = 1, padding: str = "SAME") -> Any:
        return convolution(x, filters, size, scope, stride, padding, norm)

    images, net = images_of(35)
    endpoints: dict[str, Any] = {}
    with tf1.variable_scope("InceptionV3"):
        net = conv(net, 4, 3, "Conv2d_1a_3x3", 2, "VALID")
        net = conv(net, 6, 3, "Conv2d_2b_3x3")
        net = tf1.nn.max_pool(net, [1, 3, 3, 1], [1, 2, 2, 1], "VALID")
        with tf1.variable_scope("Mixed_5b"):
            branches = [
                conv(net, 4, 1, "Branch_0/Conv2d_0a_1x1"),
                conv(conv(net, 3, 1, "Branch_1/Conv2d_0a_1x1"), 4, 5, "Branch_1/Conv2d_0b_5x5"),
                conv(
                    tf1.nn.avg_pool(net, [1, 3, 3, 1], [1, 1, 1, 1], "SAME"), 3, 1, "Branch_3/Conv2d_0b_1x1"
                ),
            ]
            double = conv(conv(net, 3, 1, "Branch_2/Conv2d_0a_1x1"), 4, 3, "Branch_2/Conv2d_0b_3x3")
            branches.insert(2, conv(double, 4, 3, "Branch_2/Conv2d_0c_3x3"))
            net = endpoints["InceptionV3/Mixed_5b"] = tf.concat(branches, 3)
        with tf1.variable_scope("Mixed_6a"):
            reduced = [
                conv(net, 5, 3, "Branch_0/Conv2d_1a_1x1", 2, "VALID"),
                tf1.nn.max_pool(net, [1, 3, 3, 1], [1, 2, 2, 1], "VALID"),
            ]
            net = endpoints["InceptionV3/Mixed_6a"] = tf.concat(reduced, axis=3)
        with tf1.variable_scope("Mixed_6b"):
            wide = conv(conv(net, 4, [1, 7], "Branch_1/Conv2d_0b_1x7"), 5, [7, 1], "Branch_1/Conv2d_0c_7x1")
            net = endpoints["InceptionV3/Mixed_6b"] = tf.concat(
                [conv(net, 4, 1, "Branch_0/Conv2d_0a_1x1"), wide], 3
            )
        with tf1.variable_scope("Logits"):
            size = [min(side, 8) for side in net.shape[1:3]]
            pooled = tf1.nn.avg_pool(net, [1, *size, 1], [1, 1, 1, 1], "VALID")
            features = tf.squeeze(pooled, [1, 2])
            pooled = dropout(pooled, 1.0, is_training)
            logits = convolution(pooled, 7, 1, "Conv2d_1c_1x1", activation=None)
            logits = tf.squeeze(logits, [1, 2], name="SpatialSqueeze")
    add_signatures(images, features, endpoints, logits)


def _fixed_padding(x: Any, size: int) -> Any:
    before = (size - 1) // 2
    return tf.pad(x, [[0, 0], [before, size - 1 - before], [before, size - 1 - before], [0, 0]])


def _strided(x: Any, filters: int, size: int, stride: int, scope: str, **options: Any) -> Any:
    """`conv2d_same`: strides pad the same way for every size of image."""
    if stride == 1:
        return convolution(x, filters, size, scope, **options)
    return convolution(_fixed_padding(x, size), filters, size, scope, stride, "VALID", **options)


def resnet_v1(is_training: bool) -> None:
    """Bottlenecks with the nonlinearity behind the sum; images of any size; a feature vector alone."""
    norm = batch_norm(is_training, epsilon=1e-5)
    images = tf1.placeholder(tf.float32, [None, None, None, 3], "images")
    net = (images - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])
    endpoints: dict[str, Any] = {}
    with tf1.variable_scope("resnet_v1_50"):
        net = _strided(net, 6, 7, 2, "conv1", normalize=norm)
        net = tf1.nn.max_pool(net, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
        for block, (depth, stride) in enumerate([(8, 2), (12, 1)], 1):
            for unit in (1, 2):
                step = stride if unit == 2 else 1
                with tf1.variable_scope(f"block{block}/unit_{unit}/bottleneck_v1"):
                    if net.shape[3] == depth:
                        shortcut = (
                            net
                            if step == 1
                            else tf1.nn.max_pool(net, [1, 1, 1, 1], [1, step, step, 1], "SAME")
                        )
                    else:
                        shortcut = convolution(
                            net, depth, 1, "shortcut", step, normalize=norm, activation=None
                        )
                    inner = convolution(net, 4, 1, "conv1", normalize=norm)
                    inner = _strided(inner, 4, 3, step, "conv2", normalize=norm)
                    inner = convolution(inner, depth, 1, "conv3", normalize=norm, activation=None)
                    net = tf.nn.relu(shortcut + inner)
            endpoints[f"resnet_v1_50/block{block}"] = net
        features = tf1.reduce_mean(net, [1, 2], keepdims=True, name="pool5")
    hub.add_signature(
        "image_feature_vector", {"images": images}, {**endpoints, "default": tf1.squeeze(features, [1, 2])}
    )
    hub.add_signature("default", {"images": images}, tf1.squeeze(features, [1, 2]))
    attach_size(33)


def resnet_v2(is_training: bool) -> None:
    """Batch norm and the nonlinearity in front of the convolutions; atrous ones; a classification."""
    norm = batch_norm(is_training, epsilon=1e-5)
    images, net = images_of(32)
    endpoints: dict[str, Any] = {}
    with tf1.variable_scope("resnet_v2_50"):
        net = _strided(net, 6, 7, 2, "conv1", activation=None)
        net = tf1.nn.max_pool(net, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
        for block, (depth, rate) in enumerate([(8, 1), (12, 2)], 1):
            with tf1.variable_scope(f"block{block}/unit_1/bottleneck_v2"):
                with tf1.variable_scope("preact"):
                    ahead = tf.nn.relu(norm(net))
                shortcut = convolution(ahead, depth, 1, "shortcut", activation=None)
                inner = convolution(ahead, 4, 1, "conv1", normalize=norm)
                inner = convolution(inner, 4, 3, "conv2", normalize=norm, rate=rate)
                net = shortcut + convolution(inner, depth, 1, "conv3", activation=None)
            endpoints[f"resnet_v2_50/block{block}"] = net
        with tf1.variable_scope("postnorm"):
            net = tf.nn.relu(norm(net))
        pooled = tf1.reduce_mean(net, [1, 2], keepdims=True, name="pool5")
        logits = tf.squeeze(
            convolution(pooled, 5, 1, "logits", activation=None), [1, 2], name="SpatialSqueeze"
        )
    add_signatures(images, tf.squeeze(pooled, [1, 2]), endpoints, logits)


def mobilenet_v2(is_training: bool) -> None:
    """Inverted residuals: expanded, depthwise, projected linearly; clipped at six."""
    norm = batch_norm(is_training)
    images, net = images_of(32)
    endpoints: dict[str, Any] = {}
    with tf1.variable_scope("MobilenetV2"):
        net = convolution(net, 4, 3, "Conv", 2, normalize=norm, activation=tf.nn.relu6)
        for number, (filters, stride) in enumerate([(4, 1), (6, 2), (6, 1)]):
            scope = "expanded_conv" + (f"_{number}" if number else "")
            before = net
            with tf1.variable_scope(scope):
                net = convolution(net, 12, 1, "expand", normalize=norm, activation=tf.nn.relu6)
                net = depthwise(net, 3, "depthwise", stride, norm, tf.nn.relu6)
                net = convolution(net, filters, 1, "project", normalize=norm, activation=tf.identity)
                if stride == 1 and before.shape[3] == filters:
                    net = net + before
            endpoints[f"MobilenetV2/{scope}"] = net
        net = convolution(net, 16, 1, "Conv_1", normalize=norm, activation=tf.nn.relu6)
        pooled = tf1.nn.avg_pool(net, [1, *net.shape[1:3], 1], [1, 1, 1, 1], "VALID")
        features = tf.squeeze(pooled, [1, 2])
        logits = tf.squeeze(
            convolution(dropout(pooled, 1.0, is_training), 5, 1, "Logits/Conv2d_1c_1x1", activation=None),
            [1, 2],
        )
    add_signatures(images, features, endpoints, logits)


def _fake_quantized(x: Any, is_training: bool) -> Any:
    """`contrib.quantize`: the smallest and largest value as moving averages, and fake quantization between them."""
    with tf1.variable_scope("act_quant"):
        low = variable("min", [], initializer=tf1.constant_initializer(-6.0), trainable=False)
        high = variable("max", [], initializer=tf1.constant_initializer(6.0), trainable=False)
        if is_training:
            least = tf.minimum(tf.reduce_min(x), 0.0)
            most = tf.maximum(tf.reduce_max(x), 0.0)
            low = tf1.assign_sub(low, (low - least) * 0.001)
            high = tf1.assign_sub(high, (high - most) * 0.001)
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high, num_bits=8)


def mobilenet_quantops(is_training: bool) -> None:
    """Depthwise separable convolutions with fake quantization of weights and activations (`.../quantops`)."""
    images, net = images_of(24)
    norm = batch_norm(is_training)

    def quantized(x: Any) -> Any:
        return _fake_quantized(x, is_training)

    with tf1.variable_scope("MobilenetV1"):
        net = convolution(
            net, 4, 3, "Conv2d_0", 2, normalize=norm, activation=lambda x: quantized(tf.nn.relu6(x))
        )
        for number, (filters, stride) in enumerate([(8, 1), (8, 2)], 1):
            net = depthwise(
                net, 3, f"Conv2d_{number}_depthwise", stride, norm, lambda x: quantized(tf.nn.relu6(x))
            )
            with tf1.variable_scope(f"Conv2d_{number}_pointwise"):
                kernel = variable("weights", [1, 1, net.shape[3], filters])
                with tf1.variable_scope("weights_quant"):
                    edges = [variable(name, [filters], initializer=tf1.constant_initializer(edge), trainable=False)
                             for name, edge in (("min", -0.5), ("max", 0.5))]  # fmt: skip
                    kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                        kernel, *edges, num_bits=8, narrow_range=True
                    )
                net = quantized(tf.nn.relu6(norm(tf1.nn.conv2d(net, kernel, [1, 1, 1, 1], "SAME"))))
        features = tf.reduce_mean(net, [1, 2])
    add_signatures(images, features, {})


def nasnet(is_training: bool) -> None:
    """Cells of separable convolutions and poolings over the two states before; a reduction that loses no pixel."""
    norm = batch_norm(is_training, decay=0.99)

    def separable(x: Any, filters: int, size: int, scope: str, stride: int = 1) -> Any:
        for layer in (1, 2):
            with tf1.variable_scope(f"{scope}_{layer}"):
                x = depthwise(tf.nn.relu(x), size, "separable", stride if layer == 1 else 1)
                x = convolution(x, filters, 1, "pointwise", normalize=norm, activation=None)
        return x

    def reduced(x: Any, filters: int, scope: str) -> Any:
        """Two paths, the second one shifted by a pixel."""
        with tf1.variable_scope(scope):
            paths = [tf1.nn.avg_pool(x, [1, 1, 1, 1], [1, 2, 2, 1], "VALID")]
            shifted = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])[:, 1:, 1:, :]
            paths.append(tf1.nn.avg_pool(shifted, [1, 1, 1, 1], [1, 2, 2, 1], "VALID"))
            paths = [
                convolution(path, filters // 2, 1, f"path{n}_conv", activation=None)
                for n, path in enumerate(paths, 1)
            ]
            return norm(tf.concat(paths, 3))

    def dropped_path(x: Any, keep: float) -> Any:
        if not is_training:
            return x
        kept = tf.floor(keep + tf1.random_uniform([tf.shape(x)[0], 1, 1, 1]))
        return tf.math.divide(x, keep) * kept

    def cell(before: Any, x: Any, filters: int, scope: str, stride: int) -> Any:
        with tf1.variable_scope(scope):
            if before.shape[1] != x.shape[1]:
                before = reduced(tf.nn.relu(before), filters, "reduce")
            else:
                before = convolution(
                    tf.nn.relu(before), filters, 1, "prev_1x1", normalize=norm, activation=None
                )
            x = convolution(tf.nn.relu(x), filters, 1, "1x1", normalize=norm, activation=None)
            pairs = [
                separable(x, filters, 5, "left0", stride) + separable(before, filters, 3, "right0", stride),
                tf1.nn.avg_pool(x, [1, 3, 3, 1], [1, stride, stride, 1], "SAME")
                + tf1.nn.max_pool(before, [1, 3, 3, 1], [1, stride, stride, 1], "SAME"),
            ]
            if stride == 1:
                pairs.append(before)
            return tf.concat([dropped_path(pair, 1.0) for pair in pairs], 3, name="cell_output")

    images, net = images_of(32)
    endpoints = {}
    with tf1.variable_scope("nasnet"):
        with tf1.variable_scope("conv0"):
            net = norm(convolution(net, 4, 3, "conv", 2, "VALID", activation=None))
        first = cell(net, net, 4, "cell_stem_0", 2)
        second = endpoints["Cell_0"] = cell(net, first, 4, "cell_0", 1)
        last = endpoints["Cell_1"] = cell(first, second, 4, "cell_1", 1)
        net = tf.nn.relu(last)
        features = tf.reduce_mean(net, [1, 2])
        logits = dense(dropout(features, 1.0, is_training), 5, "final_layer/FC")
    add_signatures(images, features, endpoints, logits)
