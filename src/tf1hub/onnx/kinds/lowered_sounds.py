"""Sounds as spectrograms and as what of those a listener hears, and the best label of each step; in double precision."""

from __future__ import annotations

import numpy as np

from tf1hub.arrays.kinds.sounds import cosine_weights, hann_window, mel_weights, transform_length
from tf1hub.onnx.lowering_call import LoweringCall
from tf1hub.onnx.lowering_table import CannotLower, lowers
from tf1hub.onnx.traced_values import Value


@lowers("AudioSpectrogram")
def spectrogram(call: LoweringCall, sound: Value) -> Value:
    """The loudness of each frequency in each frame, `[channels, frames, frequencies]`, of `[samples, channels]`."""
    graph, size, step = call.graph, int(call["window_size"]), int(call["stride"])
    zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
    rest = graph.op("Sub", graph.size_of(sound, 0), graph.int64s(size))
    frames = graph.op("Div", graph.op("Add", rest, graph.int64s(step)), graph.int64s(step))
    # Division goes towards zero: of a sound that is shorter than a frame, there is none.
    enough = graph.op("GreaterOrEqual", rest, graph.int64s(0))
    count = graph.squeeze(graph.op("Where", enough, frames, graph.int64s(0)), 0)
    starts = graph.op("Mul", graph.op("Range", zero, count, one), graph.const(step, np.int64))
    places = graph.op("Add", graph.unsqueeze(starts, 1), graph.const(np.arange(size)))
    turned = graph.cast(graph.transpose(sound, [1, 0]), np.float64)
    taken = graph.op("Gather", turned, places, axis=1)
    length = transform_length(size)
    angles = 2 * np.pi / length * np.outer(np.arange(size), np.arange(length // 2 + 1))
    window = hann_window(size)[:, np.newaxis]
    parts = [graph.op("MatMul", taken, graph.const(window * turn(angles))) for turn in (np.cos, np.sin)]
    squares = graph.op("Add", *(graph.op("Mul", part, part) for part in parts))
    found = squares if call["magnitude_squared"] else graph.op("Sqrt", squares)
    found.shape = (None if sound.shape is None else sound.shape[1], None, length // 2 + 1)
    return graph.cast(found, np.float32)


@lowers("Mfcc")
def cepstrum(call: LoweringCall, frequencies: Value, rate: Value) -> Value:
    """The cosine transform of the logarithms of bands of frequencies, whose loudness is squared."""
    graph, bands = call.graph, int(call["filterbank_channel_count"])
    if frequencies.shape is None or frequencies.shape[-1] is None:
        raise CannotLower("takes a number of frequencies that the module leaves open")
    count, coefficients = int(frequencies.shape[-1]), int(call["dct_coefficient_count"])
    if rate.known is None:
        mel = _mel_weights(call, count, bands, rate)
    else:
        limits = float(call["lower_frequency_limit"]), float(call["upper_frequency_limit"])
        mel = graph.const(mel_weights(count, int(rate.known), *limits, bands))
    heard = graph.op("MatMul", graph.op("Sqrt", graph.cast(frequencies, np.float64)), mel)
    logs = graph.op("Log", graph.op("Max", heard, graph.const(1e-12, np.float64)))
    found = graph.op("MatMul", logs, graph.const(cosine_weights(bands, coefficients)))
    found.shape = (*frequencies.shape[:-1], coefficients)
    return graph.cast(found, np.float32)


def _mel_weights(call: LoweringCall, count: int, bands: int, rate: Value) -> Value:
    """How much of each frequency each band takes, for a rate that a file of the sound tells."""
    graph = call.graph

    def number(value: float) -> Value:
        return graph.const(value, np.float64)

    low, high = float(call["lower_frequency_limit"]), float(call["upper_frequency_limit"])
    ends = 1127.0 * np.log1p(np.asarray([low, high]) / 700.0)
    centers = ends[0] + (ends[1] - ends[0]) / (bands + 1) * np.arange(1, bands + 2)
    hertz = graph.op("Mul", graph.cast(graph.reshape(rate, []), np.float64), number(0.5 / (count - 1)))
    places = graph.const(np.arange(count), np.float64)
    first = graph.op("Floor", graph.op("Add", graph.op("Div", number(low), hertz), number(1.5)))
    last = graph.op("Floor", graph.op("Div", number(high), hertz))
    inside = graph.op("And", graph.op("GreaterOrEqual", places, first), graph.op("LessOrEqual", places, last))
    part = graph.op("Div", graph.op("Mul", places, hertz), number(700.0))
    mels = graph.op("Mul", graph.op("Log", graph.op("Add", part, number(1))), number(1127.0))
    # The band whose centre is the last one below each frequency, counted from 1; the one before the first is 0.
    less = graph.op("Less", graph.const(centers[:bands]), graph.unsqueeze(mels, 1))
    band = graph.op("ReduceSum", graph.cast(less, np.int64), graph.int64s(1), keepdims=0)
    starts = graph.op("Gather", graph.const(np.concatenate([ends[:1], centers])), band, axis=0)
    stops = graph.op("Gather", graph.const(centers), band, axis=0)
    share = graph.op("Div", graph.op("Sub", stops, mels), graph.op("Sub", stops, starts))
    share = graph.unsqueeze(share, 1)
    here = graph.op("Equal", graph.unsqueeze(band, 1), graph.const(np.arange(1, bands + 1)))
    behind = graph.op("Equal", graph.unsqueeze(band, 1), graph.const(np.arange(bands)))
    other = graph.op("Where", behind, graph.op("Sub", number(1), share), number(0))
    weights = graph.op("Where", here, share, other)
    return graph.op("Where", graph.unsqueeze(inside, 1), weights, number(0))


@lowers("CTCGreedyDecoder")
def decode_greedily(call: LoweringCall, scores: Value, lengths: Value) -> list[Value]:
    """The best label of each step, without blanks, as a sparse matrix; and how probable that is."""
    graph = call.graph
    blank = graph.const(int(call.get("blank_index", -1)), np.int64)
    if int(call.get("blank_index", -1)) < 0:
        blank = graph.op("Add", graph.squeeze(graph.size_of(scores, 2), 0), blank)
    zero, one = graph.const(0, np.int64), graph.const(1, np.int64)
    best = graph.transpose(graph.op("ArgMax", scores, axis=2, keepdims=0), [1, 0])
    steps = graph.op("Range", zero, graph.squeeze(graph.size_of(scores, 0), 0), one)
    counts = graph.op("Less", steps, graph.unsqueeze(graph.int64(lengths), 1))
    kept = graph.op("And", counts, graph.op("Not", graph.op("Equal", best, blank)))
    if call["merge_repeated"]:
        ahead = graph.op("Pad", best, graph.int64s(0, 1, 0, 0), graph.const(-1, np.int64))
        before = graph.op("Slice", ahead, graph.int64s(0), graph.int64s(-1), graph.int64s(1))
        kept = graph.op("And", kept, graph.op("Not", graph.op("Equal", best, before)))
    numbers = graph.op("CumSum", graph.cast(kept, np.int64), one)
    places = graph.transpose(graph.op("NonZero", kept), [1, 0])
    columns = graph.op("Sub", graph.op("GatherND", numbers, places), one)
    rows = graph.slice(places, 0, 1, 1)
    indices = graph.concat([rows, graph.unsqueeze(columns, 1)], 1)
    none = graph.int64s(0)
    longest = graph.op("ReduceMax", graph.concat([graph.reshape(numbers, [-1]), none], 0), keepdims=1)
    sizes = graph.concat([graph.size_of(scores, 1), longest], 0)
    largest = graph.transpose(graph.op("ReduceMax", scores, graph.int64s(2), keepdims=0), [1, 0])
    said = graph.op("Where", counts, largest, graph.like(0, scores))
    total = graph.op("Neg", graph.op("ReduceSum", said, graph.int64s(1), keepdims=1))
    values = graph.op("GatherND", best, places)
    indices.shape, values.shape, sizes.shape = (None, 2), (None,), (2,)
    total.shape = (None if scores.shape is None else scores.shape[1], 1)
    return [indices, values, sizes, total]
