"""Networks that draw, hear, find and tell, as they were published: BigGAN, a VAE, VGGish, a detector, a captioner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from published.layers import batch_norm, convolution, dense, variable, weight_decay

import tf1hub as hub

tf1 = tf.compat.v1

# ----------------------------------------------------------------------- BigGAN

CLASSES, CODE, STANDING = 5, 12, 4


def _spectral(kernel: Any) -> Any:
    """A kernel over its largest singular value; each call goes one step of the power iteration on, and keeps it."""
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    u = tf1.get_variable(
        "u0", [1, kernel.shape[-1]], initializer=tf1.random_normal_initializer(), trainable=False
    )
    v = tf.stop_gradient(tf1.math.l2_normalize(tf.matmul(u, matrix, transpose_b=True)))
    after = tf.stop_gradient(tf1.math.l2_normalize(tf.matmul(v, matrix)))
    sigma = tf.reshape(tf.matmul(tf.matmul(v, matrix), after, transpose_b=True), [])
    with tf.control_dependencies([tf1.assign(u, after)]):
        return tf.identity(kernel / sigma)


def _conditional(x: Any, condition: Any, truncation: Any, is_training: bool) -> Any:
    """Batch norm with the scale and the offset of a class, and statistics for several truncations."""
    channels = int(x.shape[-1])
    with tf1.variable_scope("HyperBatchNorm"):
        gamma = 1.0 + tf.matmul(condition, variable("gamma", [condition.shape[-1], channels]))
        beta = tf.matmul(condition, variable("beta", [condition.shape[-1], channels]))
        means = variable("means", [STANDING, channels], trainable=False)
        variances = variable(
            "variances", [STANDING, channels], initializer=tf1.ones_initializer(), trainable=False
        )
        if is_training:
            mean, variance = tf1.nn.moments(x, [0, 1, 2])
            last = tf.one_hot(STANDING - 1, STANDING)[:, tf.newaxis]
            for standing, value in ((means, mean), (variances, variance)):
                tf1.add_to_collection(
                    tf1.GraphKeys.UPDATE_OPS, tf1.assign_sub(standing, (standing - value) * 0.1 * last)
                )
        else:
            place = truncation * (STANDING - 1)
            low = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 0, STANDING - 1)
            high = tf.minimum(low + 1, STANDING - 1)
            share = place - tf.floor(place)
            mean, variance = (
                tf.gather(table, low) * (1.0 - share) + tf.gather(table, high) * share
                for table in (means, variances)
            )
        x = (x - mean) * tf.math.rsqrt(variance + 1e-4)
        return x * gamma[:, tf.newaxis, tf.newaxis, :] + beta[:, tf.newaxis, tf.newaxis, :]


def biggan(is_training: bool) -> None:
    """Code, class and truncation become an image; spectral norm writes variables for inference too."""
    z = tf1.placeholder(tf.float32, [None, CODE], "z")
    y = tf1.placeholder(tf.float32, [None, CLASSES], "y")
    truncation = tf1.placeholder(tf.float32, [], "truncation")

    def conv(x: Any, filters: int, size: int, scope: str) -> Any:
        with tf1.variable_scope(scope):
            kernel = _spectral(variable("w", [size, size, x.shape[3], filters]))
            return tf1.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME") + variable(
                "b", [filters], initializer=tf1.zeros_initializer()
            )

    def doubled(x: Any) -> Any:
        return tf1.image.resize_nearest_neighbor(x, [2 * int(side) for side in x.shape[1:3]])

    with tf1.variable_scope("Generator"):
        of_class = tf.matmul(y, variable("linear/w", [CLASSES, 4]))
        codes = tf.split(z, 3, 1)
        with tf1.variable_scope("GenZ/G_linear"):
            net = tf.matmul(codes[0], _spectral(variable("w", [CODE // 3, 4 * 4 * 8])))
        net = tf.reshape(net, [-1, 4, 4, 8])
        for block, filters in ((1, 8), (2, 6)):
            condition = tf.concat([codes[block], of_class], 1)
            with tf1.variable_scope(f"GBlock_{block}"):
                with tf1.variable_scope("BatchNorm"):
                    inner = tf.nn.relu(_conditional(net, condition, truncation, is_training))
                inner = conv(doubled(inner), filters, 3, "conv0")
                with tf1.variable_scope("BatchNorm_1"):
                    inner = tf.nn.relu(_conditional(inner, condition, truncation, is_training))
                net = conv(inner, filters, 3, "conv1") + conv(doubled(net), filters, 1, "conv_sc")
            if block == 1:
                with tf1.variable_scope("attention"):
                    pooled = tf1.nn.max_pool(net, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
                    theta = tf.reshape(conv(net, 2, 1, "theta"), [-1, 64, 2])
                    phi = tf.reshape(conv(pooled, 2, 1, "phi"), [-1, 16, 2])
                    weights = tf.nn.softmax(tf.matmul(theta, phi, transpose_b=True))
                    seen = tf.matmul(weights, tf.reshape(conv(pooled, 4, 1, "g"), [-1, 16, 4]))
                    sigma = tf1.get_variable("sigma", [], initializer=tf1.zeros_initializer())
                    net += sigma * conv(tf.reshape(seen, [-1, 8, 8, 4]), 8, 1, "o_conv")
        net = tf.nn.relu(batch_norm(is_training, scale=True)(net))
        image = tf.tanh(conv(net, 3, 3, "conv_2d"))
    hub.add_signature(inputs={"z": z, "y": y, "truncation": truncation}, outputs=image)


def dcgan(is_training: bool) -> None:
    """Transposed convolutions whose output is as large as the batch; the discriminator is a signature of its own."""
    z = tf1.placeholder(tf.float32, [None, 6], "z")
    images = tf1.placeholder(tf.float32, [None, 16, 16, 1], "images")
    norm = batch_norm(is_training)

    def transposed(x: Any, filters: int, scope: str) -> Any:
        with tf1.variable_scope(scope):
            kernel = variable("w", [5, 5, filters, x.shape[3]])
            side = int(x.shape[1]) * 2
            net = tf1.nn.conv2d_transpose(
                x, kernel, tf.stack([tf.shape(x)[0], side, side, filters]), [1, 2, 2, 1]
            )
            net = tf.reshape(net, [-1, side, side, filters])
            return tf.nn.bias_add(net, variable("biases", [filters], initializer=tf1.zeros_initializer()))

    with tf1.variable_scope("generator"):
        net = tf.reshape(dense(z, 4 * 4 * 6, "g_h0_lin"), [-1, 4, 4, 6])
        with tf1.variable_scope("g_bn0"):
            net = tf.nn.relu(norm(net))
        with tf1.variable_scope("g_bn1"):
            net = tf.nn.relu(norm(transposed(net, 4, "h1")))
        image = tf.nn.tanh(transposed(net, 1, "h2"))
    with tf1.variable_scope("discriminator"):
        net = tf.nn.leaky_relu(convolution(images, 4, 5, "d_h0_conv", 2, activation=None))
        net = tf.nn.leaky_relu(convolution(net, 6, 5, "d_h1_conv", 2, normalize=norm, activation=None), 0.1)
        logits = dense(tf.reshape(net, [-1, 4 * 4 * 6]), 1, "d_h2_lin")
    hub.add_signature(inputs={"z": z}, outputs=image)
    hub.add_signature("discriminator", {"images": images}, {"default": tf.sigmoid(logits), "logits": logits})


# -------------------------------------------------------- variational autoencoder

SIDE = 16


def galaxies(is_training: bool) -> None:
    """An autoencoder of images that a telescope blurs: what it draws is convolved with the blur in Fourier space."""
    images = tf1.placeholder(tf.float32, [None, SIDE, SIDE, 1], "x")
    psf = tf1.placeholder(tf.complex64, [None, SIDE, SIDE // 2 + 1], "psf")
    norm = batch_norm(is_training)

    def observed(drawn: Any) -> Any:
        return tf.expand_dims(tf1.signal.irfft2d(tf1.signal.rfft2d(drawn[:, :, :, 0]) * psf), -1)

    with tf1.variable_scope("encoder"):
        net = convolution(images, 4, 5, "conv1", 2, activation=tf.nn.leaky_relu)
        net = convolution(net, 6, 5, "conv2", 2, normalize=norm, activation=tf.nn.elu)
        net = tf.reshape(net, [-1, 4 * 4 * 6])
        loc = dense(net, 4, "loc")
        scale = tf.nn.softplus(dense(net, 4, "scale") + 0.5) + 1e-3
    with tf1.variable_scope("decoder") as scope:

        def decoded(code: Any) -> Any:
            net = tf.reshape(dense(code, 4 * 4 * 6, "dense", tf.nn.elu), [-1, 4, 4, 6])
            for number in (1, 2):
                net = tf1.image.resize_bilinear(net, [int(net.shape[1]) * 2] * 2, align_corners=number == 1)
                net = convolution(net, 4, 3, f"conv{number}", activation=tf.nn.elu)
            return tf.nn.softplus(convolution(net, 1, 5, "out", activation=None))

        likely = decoded(loc)
    code = loc + scale * tf1.random_normal(tf.shape(loc))
    with tf1.variable_scope(scope, reuse=True):
        sampled = decoded(code)
    blurred = observed(likely)
    log_likelihood = -tf.reduce_sum(tf.math.squared_difference(images, blurred), [1, 2, 3]) / 0.02
    divergence = tf.reduce_sum(0.5 * (tf.square(scale) + tf.square(loc) - 1.0) - tf.math.log(scale), 1)
    hub.add_signature("encode", {"x": images}, {"loc": loc, "scale": scale})
    outputs = {"default": blurred, "elbo": log_likelihood - divergence, "intrinsic": likely}
    hub.add_signature("default", {"x": images, "psf": psf}, outputs)
    hub.add_signature("sample", {"x": images}, {"default": sampled, "code": code})


# ------------------------------------------------------------------------ VGGish

RATE = 800


def vggish(is_training: bool) -> None:
    """Samples become frames, a log mel spectrogram, patches of it, and a convolutional network's features."""
    waveform = tf1.placeholder(tf.float32, [None], "waveform")
    spectrogram = tf.abs(tf1.signal.stft(waveform, 20, 8, 32, window_fn=tf1.signal.hann_window))
    mel = tf1.signal.linear_to_mel_weight_matrix(16, 17, RATE, 12.5, 375.0)
    log_mel = tf.math.log(tf.matmul(spectrogram, mel) + 0.01)
    patches = tf1.signal.frame(log_mel, 24, 24, axis=0)
    net = tf.expand_dims(patches, 3)
    with tf1.variable_scope("vggish"):
        for number, filters in enumerate([4, 6], 1):
            net = convolution(net, filters, 3, f"conv{number}")
            net = tf1.nn.max_pool(net, [1, 2, 2, 1], [1, 2, 2, 1], "SAME", name=f"pool{number}")
        net = tf.reshape(net, [-1, 6 * 4 * 6])
        net = dense(net, 8, "fc1/fc1_1", tf.nn.relu)
        embedding = dense(net, 6, "fc2")
    if is_training:
        embedding = tf.nn.relu(embedding)
    # The postprocessor: whitened, clipped and put into bytes.
    with tf1.variable_scope("pca"):
        eigenvectors = variable("pca_eigen_vectors", [6, 6], trainable=False)
        means = variable("pca_means", [6, 1], trainable=False)
        whitened = tf.transpose(tf.matmul(eigenvectors, tf.transpose(embedding) - means))
        bytes_ = tf.cast(tf.round((tf.clip_by_value(whitened, -2.0, 2.0) + 2.0) * (255.0 / 4.0)), tf.int32)
    mfcc = tf1.signal.mfccs_from_log_mel_spectrograms(log_mel)[:, :5]
    hub.add_signature(
        inputs=waveform, outputs={"default": embedding, "log_mel": log_mel, "quantized": bytes_}
    )
    hub.add_signature("mfcc", inputs=waveform, outputs=mfcc)


# ---------------------------------------------------------------------- detector

LABELS = ["/m/cat", "/m/dog", "/m/bird"]
MOST_BOXES = 6


def _anchors(rows: Any, columns: Any, scale: float) -> Any:
    """Boxes around the middles of a grid, in two shapes each; corners as parts of the image."""
    y = (tf.cast(tf.range(rows), tf.float32) + 0.5) / tf.cast(rows, tf.float32)
    x = (tf.cast(tf.range(columns), tf.float32) + 0.5) / tf.cast(columns, tf.float32)
    y, x = tf.meshgrid(y, x, indexing="ij")
    boxes = []
    for ratio in (1.0, 2.0):
        height, width = scale / math.sqrt(ratio), scale * math.sqrt(ratio)
        boxes.append(tf.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], 2))
    return tf.reshape(tf.stack(boxes, 2), [-1, 4])


def _decoded(anchors: Any, deltas: Any) -> Any:
    y0, x0, y1, x1 = tf.unstack(anchors, axis=1)
    height, width = y1 - y0, x1 - x0
    dy, dx, dh, dw = tf.unstack(deltas / tf.constant([10.0, 10.0, 5.0, 5.0]), axis=2)
    y, x = dy * height + (y0 + y1) / 2, dx * width + (x0 + x1) / 2
    h, w = tf.exp(dh) * height, tf.exp(dw) * width
    return tf.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 2)


def _suppressed(arguments: Any) -> Any:
    """The detections of one image: class by class, put together, the best first, padded to a fixed number."""
    boxes, scores = arguments
    found_boxes, found_scores, found_classes = [], [], []
    for label in range(len(LABELS)):
        of_label = scores[:, label]
        kept = tf.reshape(tf.where(tf.greater(of_label, 0.3)), [-1])
        inside, rated = tf.gather(boxes, kept), tf.gather(of_label, kept)
        most = tf.minimum(MOST_BOXES, tf.shape(inside)[0])
        chosen = tf1.image.non_max_suppression(inside, rated, most, iou_threshold=0.5)
        found_boxes.append(tf.gather(inside, chosen))
        found_scores.append(tf.gather(rated, chosen))
        found_classes.append(tf.fill([tf.size(chosen)], label + 1))
    together = tf.concat(found_scores, 0)
    count = tf.minimum(MOST_BOXES, tf.size(together))
    best, order = tf.nn.top_k(together, count)
    padding = MOST_BOXES - count
    return (
        tf.reshape(
            tf.pad(tf.gather(tf.concat(found_boxes, 0), order), [[0, padding], [0, 0]]), [MOST_BOXES, 4]
        ),
        tf.reshape(tf.pad(best, [[0, padding]]), [MOST_BOXES]),
        tf.reshape(tf.pad(tf.gather(tf.concat(found_classes, 0), order), [[0, padding]]), [MOST_BOXES]),
        count,
    )


def detector(is_training: bool) -> None:
    """A single shot over two grids of anchors; the same boxes are suppressed by class and by the combined op."""
    images = tf1.placeholder(tf.float32, [None, None, None, 3], "images")
    net = tf.map_fn(lambda image: tf1.image.resize_images(image, [24, 24]), images, parallel_iterations=10)
    net = tf.reshape(net, [-1, 24, 24, 3]) * 2.0 - 1.0
    norm = batch_norm(is_training)
    with tf1.variable_scope("FeatureExtractor"):
        net = convolution(net, 4, 3, "Conv2d_0", 2, normalize=norm, activation=tf.nn.relu6)
        features = [convolution(net, 6, 3, "Conv2d_1", 2, normalize=norm, activation=tf.nn.relu6)]
        features.append(convolution(features[0], 6, 3, "Conv2d_2", 2, normalize=norm, activation=tf.nn.relu6))
    deltas, logits, anchors = [], [], []
    for number, (grid, scale) in enumerate(zip(features, (0.3, 0.6), strict=True)):
        rows, columns = tf.shape(grid)[1], tf.shape(grid)[2]
        anchors.append(_anchors(rows, columns, scale))
        with tf1.variable_scope(f"BoxPredictor_{number}"):
            of_boxes = convolution(grid, 2 * 4, 1, "BoxEncodingPredictor", activation=None)
            of_classes = convolution(grid, 2 * (len(LABELS) + 1), 3, "ClassPredictor", activation=None)
        batch = tf.shape(grid)[0]
        deltas.append(tf.reshape(of_boxes, [batch, -1, 4]))
        logits.append(tf.reshape(of_classes, [batch, -1, len(LABELS) + 1]))
    deltas, logits = tf.concat(deltas, 1), tf.concat(logits, 1)
    hub.add_signature(
        "raw",
        {"images": images},
        {"default": tf.concat([deltas, logits], 2), "anchors": tf.concat(anchors, 0)},
    )

    boxes = _decoded(tf.concat(anchors, 0), deltas)
    scores = tf.sigmoid(logits)[:, :, 1:]
    clipped = tf.clip_by_value(boxes, 0.0, 1.0)
    types = (tf.float32, tf.float32, tf.int32, tf.int32)
    found, rated, classes, counts = tf.map_fn(_suppressed, (clipped, scores), dtype=types, back_prop=False)
    names = tf.lookup.KeyValueTensorInitializer(
        tf.range(1, len(LABELS) + 1, dtype=tf.int64), LABELS, tf.int64, tf.string
    )
    table = tf.lookup.StaticHashTable(names, "")
    outputs = {
        "detection_boxes": found,
        "detection_scores": rated,
        "detection_classes": classes,
        "num_detections": counts,
    }
    hub.add_signature("default", {"images": images}, outputs)
    named = {**outputs, "detection_class_names": table.lookup(tf.cast(classes, tf.int64))}
    hub.add_signature("named", {"images": images}, named)
    combined = tf.image.combined_non_max_suppression(
        boxes[:, :, tf.newaxis, :], scores, MOST_BOXES, MOST_BOXES, iou_threshold=0.5, score_threshold=0.3
    )
    hub.add_signature(
        "combined",
        {"images": images},
        dict(zip(("boxes", "scores", "classes", "valid"), combined, strict=True)),
    )

    # The second stage of a two-stage detector, for boxes that a caller gives.
    rois = tf1.placeholder(tf.float32, [None, 4], "boxes")
    which = tf1.placeholder(tf.int32, [None], "box_indices")
    crops = tf1.image.crop_and_resize(features[0], rois, which, [6, 6])
    crops = tf1.nn.max_pool(crops, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    refined = dense(tf.reshape(crops, [-1, 3 * 3 * 6]), 4, "SecondStage/BoxEncoding")
    hub.add_signature("rois", {"images": images, "boxes": rois, "box_indices": which}, {"default": refined})


# --------------------------------------------------------------------- captioner

TOKENS = ["<pad>", "<s>", "</s>", "a", "cat", "dog", "sits", "runs"]
MOST_TOKENS, BEAMS, UNITS = 6, 3, 8


def captions(is_training: bool) -> None:
    """An image's features begin a recurrent network that tells words, the likeliest one at a time, or by beams."""
    del is_training
    features = tf1.placeholder(tf.float32, [None, 10], "features")
    batch = tf.shape(features)[0]
    size = len(TOKENS)
    with tf1.variable_scope("captions"):
        table = tf1.get_variable("embeddings", [size, UNITS], regularizer=weight_decay)
        first = dense(features, UNITS, "initial", tf.tanh)
        gates = variable("gru/gates/kernel", [2 * UNITS, 2 * UNITS])
        candidate = variable("gru/candidate/kernel", [2 * UNITS, UNITS])
        out = variable("logits/kernel", [UNITS, size])
        bias = variable("logits/bias", [size])

    def step(tokens: Any, state: Any) -> Any:
        """The logits of the next token, and the next state."""
        x = tf.nn.embedding_lookup(table, tokens)
        reset, update = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, state], 1), gates) + 1.0), 2, 1)
        proposed = tf.tanh(tf.matmul(tf.concat([x, reset * state], 1), candidate))
        state = update * state + (1.0 - update) * proposed
        return tf.matmul(state, out) + bias, state

    # Greedy: until every sentence has ended, or is as long as any may be.
    def goes_on(time: Any, tokens: Any, state: Any, done: Any, told: Any, scores: Any) -> Any:
        del tokens, state, told, scores
        return tf.logical_and(time < MOST_TOKENS, tf.logical_not(tf.reduce_all(done)))

    def tell(time: Any, tokens: Any, state: Any, done: Any, told: Any, scores: Any) -> Any:
        logits, after = step(tokens, state)
        likeliest = tf.cast(tf.argmax(logits, 1), tf.int32)
        likeliest = tf.where(done, tf.zeros_like(likeliest), likeliest)
        scores += tf.where(done, tf.zeros_like(scores), tf.reduce_max(tf.nn.log_softmax(logits), 1))
        done = tf.logical_or(done, tf.equal(likeliest, 2))
        return time + 1, likeliest, after, done, told.write(time, likeliest), scores

    told = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None])
    starts = (tf.constant(0), tf.fill([batch], 1), first, tf.zeros([batch], tf.bool), told, tf.zeros([batch]))
    _, _, last, _, told, scores = tf.while_loop(goes_on, tell, starts, parallel_iterations=1)
    ids = tf.transpose(told.stack(), [1, 0])
    hub.add_signature("greedy", {"features": features}, {"ids": ids, "scores": scores})
    words = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.range(size, dtype=tf.int64), TOKENS, tf.int64, tf.string),
        "<unk>",
    )
    text = tf1.reduce_join(words.lookup(tf.cast(ids, tf.int64)), 1, separator=" ")
    hub.add_signature("text", {"features": features}, {"default": text})

    # Beams: the best continuations of all beams of a sentence are the next ones.
    def search(time: Any, tokens: Any, state: Any, sums: Any, paths: Any) -> Any:
        logits, after = step(tf.reshape(tokens, [-1]), tf.reshape(state, [-1, UNITS]))
        total = sums[:, :, tf.newaxis] + tf.reshape(tf.nn.log_softmax(logits), [-1, BEAMS, size])
        sums, chosen = tf.nn.top_k(tf.reshape(total, [-1, BEAMS * size]), BEAMS)
        parents, tokens = chosen // size, chosen % size
        rows = tf.tile(tf.range(batch)[:, tf.newaxis], [1, BEAMS])
        where = tf.stack([rows, parents], 2)
        state = tf.gather_nd(tf.reshape(after, [-1, BEAMS, UNITS]), where)
        paths = tf.concat([tf.gather_nd(paths, where), tokens[:, :, tf.newaxis]], 2)
        return time + 1, tokens, state, sums, paths

    beams = [
        tf.constant(0),
        tf.fill([batch, BEAMS], 1),
        tf.tile(first[:, tf.newaxis, :], [1, BEAMS, 1]),
        tf.tile(tf.constant([[0.0] + [-np.inf] * (BEAMS - 1)], tf.float32), [batch, 1]),
        tf.fill([batch, BEAMS, 1], 1),
    ]
    shapes = [
        tf.TensorShape(shape)
        for shape in ([], [None, BEAMS], [None, BEAMS, UNITS], [None, BEAMS], [None, BEAMS, None])
    ]
    _, _, _, sums, paths = tf.while_loop(
        lambda time, *_: time < MOST_TOKENS, search, beams, shape_invariants=shapes
    )
    hub.add_signature("beams", {"features": features}, {"ids": paths, "scores": sums})

    # What it is trained with: the likelihood of given words, one after the other.
    tokens = tf1.placeholder(tf.int32, [None, None], "tokens")

    def listen(state_and_logits: Any, now: Any) -> Any:
        logits, state = step(now, state_and_logits[0])
        return state, logits

    _, logits = tf.scan(listen, tf.transpose(tokens), (first, tf.zeros([batch, size])))
    hub.add_signature("default", {"features": features, "tokens": tokens}, tf.transpose(logits, [1, 0, 2]))
    del last
