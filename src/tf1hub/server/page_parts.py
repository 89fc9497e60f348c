"""What pages show, worked out from what is known of a version: snippets, bars, first lines, rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from tf1hub.spec.description import human_bytes, shape_text
from tf1hub.spec.permission import REFUSED
from tf1hub.storage import Place
from tf1hub.trust.origins import ASSET
from tf1hub.trust.report import NEVER_RUN

_TEXTS = '["a first text", "another one"]'
_LINES = 8
_LINE_LENGTH = 120
_PIECES = 7
_FIELDS = 4
_FEW = 256
_NUMBERS = frozenset({"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"})


class Snippet(NamedTuple):
    """A way to use a module: a key, a label, and what to write."""

    key: str
    label: str
    text: str


class BarPiece(NamedTuple):
    """A part of the size bar, in thousandths of its width."""

    x: int
    width: int
    name: str
    share: str
    title: str


def snippets(url: str, description: Mapping[str, Any], needs: Iterable[str]) -> Iterator[Snippet]:
    """The ways to use a module.

    Args:
        url: the module's address.
        description: what `ModuleDescription.to_dict` gives.
        needs: what its user would have to allow.
    """
    variants = description["variants"]
    signatures = {each["name"]: each for each in variants[0]["signatures"]} if variants else {}
    signature = signatures.get("default") or next(iter(signatures.values()), None)
    if signature is None:
        return
    trust = f", trust={json.dumps(list(needs))}" if needs else ""
    flag = f" --trust {json.dumps(','.join(needs))}" if needs else ""
    name = "" if signature["name"] == "default" else signature["name"]
    inputs = _inputs(signature["inputs"])
    chosen = f", signature={json.dumps(name)}" if name else ""
    quoted = json.dumps(url)
    importing = "import numpy as np\n" if "np." in inputs else ""
    as_dict = ", as_dict=True" if set(signature["outputs"]) != {"default"} else ""
    yield Snippet(
        "module",
        "hub.Module",
        f"{importing}import tensorflow as tf\nimport tf1hub as hub\n\ntf1 = tf.compat.v1\n\n"
        f"with tf.Graph().as_default(), tf1.Session() as session:\n"
        f"    module = hub.Module({quoted}{trust})\n    outputs = module({inputs}{chosen}{as_dict})\n"
        f"    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])\n    print(session.run(outputs))",
    )
    yield Snippet(
        "load",
        "hub.load",
        f"{importing}import tensorflow as tf\nimport tf1hub as hub\n\nmodule = hub.load({quoted}{trust})\n"
        f"outputs = module({_tensors(signature['inputs'], inputs)}{chosen}{as_dict})",
    )
    if len(signature["inputs"]) == 1:
        trained = ", trainable=True" if any(each["trainable"] for each in description["variables"]) else ""
        yield Snippet(
            "keras",
            "KerasLayer",
            f"import keras\nimport tf1hub as hub\n\nlayer = hub.KerasLayer({quoted}{chosen}{trained}{trust})\n"
            "model = keras.Sequential([layer, keras.layers.Dense(2)])",
        )
    predicted = f"predictor({inputs})"
    yield Snippet(
        "predictor",
        "Without TensorFlow",
        f"{importing}import tf1hub as hub\n\npredictor = hub.Predictor({quoted}{chosen}{trust})\noutputs = {predicted}",
    )
    yield Snippet(
        "command",
        "Command line",
        f"tf1hub show {url}\ntf1hub download {url}\ntf1hub check {url}{flag}",
    )
    yield Snippet(
        "convert",
        "Convert",
        f"tf1hub convert {url} saved_model --to saved_model\n"
        f"tf1hub convert {url} model.onnx --to onnx\n"
        f"tf1hub convert {url} weights.safetensors --to safetensors",
    )
    yield Snippet(
        "weights",
        "Weights",
        f"import tf1hub as hub\n\nvariables = hub.read_variables({quoted})\nprint({{name: values.shape for name, values in variables.items()}})",
    )


def _inputs(inputs: Mapping[str, Any]) -> str:
    values = {name: _value(tensor) for name, tensor in inputs.items()}
    if not values:
        return ""
    if set(values) == {"default"} or len(values) == 1:
        return next(iter(values.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}"


def _tensors(inputs: Mapping[str, Any], text: str) -> str:
    return f"tf.constant({text})" if len(inputs) == 1 and text.startswith("[") else text


def _value(tensor: Mapping[str, Any]) -> str:
    shape = tensor["shape"]
    if tensor["kind"] == "sparse":
        return "hub.SparseArray(indices, values, dense_shape)"
    if tensor["dtype"] == "string" and shape is not None and len(shape) == 1:
        return _TEXTS
    sizes = [1 if side is None else side for side in shape or ()]
    if tensor["dtype"] == "string":
        return f"np.full({sizes}, b'a text')" if sizes else '"a text"'
    return f"np.zeros({sizes}, {json.dumps(tensor['dtype'])})"


def is_for_visitors(capabilities: Mapping[str, Any]) -> bool:
    """Whether a visitor may have the server run a module: all that it reaches are its own files.

    Stricter than trust, which lets a caller name a file to read: a visitor's files are not the server's.
    """
    return not any(
        deed["can"] in REFUSED and deed["origin"] != ASSET
        for part in capabilities["parts"]
        if part["kind"] not in NEVER_RUN
        for deed in part["deeds"]
    )


def tryable(description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The signatures of inference that a visitor can fill in: texts, an image, or a few numbers."""
    if not description["variants"]:
        return []
    found = []
    for signature in description["variants"][0]["signatures"]:
        fields = [_field(name, tensor) for name, tensor in signature["inputs"].items()]
        if fields and len(fields) <= _FIELDS and all(fields):
            found.append({"name": signature["name"], "fields": fields})
    # What says most comes first: classes before features, and those before what has no known meaning.
    order = {"image_classification": 0, "default": 1}
    return sorted(found, key=lambda each: order.get(each["name"], 2))[:_FIELDS]


def _field(name: str, tensor: Mapping[str, Any]) -> dict[str, Any] | None:
    shape, dtype = tensor["shape"], tensor["dtype"]
    if tensor["kind"] != "dense" or shape is None:
        return None
    if dtype == "string":
        return (
            {"name": name, "kind": "texts", "example": "a first text\nanother one"}
            if len(shape) == 1
            else None
        )
    if dtype not in _NUMBERS:
        return None
    if len(shape) == 4 and None not in shape[1:] and shape[3] in (1, 3) and dtype.startswith("float"):
        return {"name": name, "kind": "image", "height": shape[1], "width": shape[2], "channels": shape[3]}
    sizes = [1 if side is None else side for side in shape]
    if prod(sizes) > _FEW:
        return None
    value: Any = False if dtype == "bool" else 1
    for size in reversed(sizes):
        value = [value] * size
    return {"name": name, "kind": "numbers", "example": json.dumps(value), "dtype": dtype}


def size_bar(variables: Iterable[Mapping[str, Any]]) -> list[BarPiece]:
    """The scopes that take most bytes, and the rest."""
    sizes: Counter[str] = Counter()
    variables = [each for each in variables if each["bytes"]]
    depth = 1
    # The first scope is mostly the same for all: as deep as needed to tell them apart.
    while depth < 6 and len({_scope(each["name"], depth) for each in variables}) < min(4, len(variables)):
        depth += 1
    for each in variables:
        sizes[_scope(each["name"], depth)] += each["bytes"]
    whole = sum(sizes.values())
    if not whole or len(sizes) < 2:
        return []
    first = sizes.most_common(_PIECES)
    rest = whole - sum(size for _, size in first)
    pieces, x = [], 0.0
    for name, size in [*first, *([("the rest", rest)] if rest else [])]:
        width = 1000 * size / whole
        share = f"{size / whole:.0%}" if size / whole >= 0.01 else "< 1%"
        pieces.append(
            BarPiece(
                round(x),
                max(1, round(x + width) - round(x)),
                name,
                share,
                f"{name}: {human_bytes(size)}, {share}",
            )
        )
        x += width
    return pieces


def _scope(name: str, depth: int) -> str:
    return "/".join(name.split("/")[:depth])


def first_lines(place: Place, name: str) -> list[str]:
    """The first lines of an asset that is text; nothing of one that is not."""
    start = b""
    for piece in place.chunks(name):
        start += piece
        if len(start) >= 4096:
            break
    start = start[:4096]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        # The piece may end within a character.
        if error.start < len(start) - 3 or len(start) < 4096:
            return []
        text = start[: error.start].decode("utf-8")
    if any(ord(each) < 32 and each not in "\t\r\n" for each in text):
        return []
    lines = text.splitlines()
    return [line if len(line) <= _LINE_LENGTH else line[:_LINE_LENGTH] + " …" for line in lines[:_LINES]]


def count_ops(description: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The ops of all variants, each with how often it occurs in the one that has most of it."""
    counts: dict[str, int] = {}
    for variant in description["variants"]:
        for name, count in variant["ops"].items():
            counts[name] = max(count, counts.get(name, 0))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def ability_rows(capabilities: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the parts of a module that are run can do besides computing, each thing once."""
    rows: dict[tuple[bool, str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for part in capabilities["parts"]:
        if part["kind"] in NEVER_RUN:
            continue
        for deed in part["deeds"]:
            key = part["refused"] and deed["refused"], deed["can"], deed["target"] or deed["why"]
            parts, ops = rows.setdefault(key, ({}, {}))
            parts[f"signature {part['name']}" if part["name"] else part["kind"]] = None
            ops[deed["op"]] = None
    found = [
        {"refused": refused, "can": can, "what": what, "parts": _some(parts), "ops": _some(ops)}
        for (refused, can, what), (parts, ops) in rows.items()
    ]
    return sorted(found, key=lambda row: not row["refused"])[:60]


def _some(names: Iterable[str]) -> str:
    given = list(names)
    return ", ".join(given[:6]) + (f" and {len(given) - 6} more" if len(given) > 6 else "")


def variant_title(tags: Iterable[str]) -> str:
    """What pages call a variant."""
    words = ", ".join(tags)
    return f"with the tag {words}" if words else "for inference"


# Filters of the templates.


def bytes_of(count: float | None) -> str:
    """A number of bytes in the unit that reads best; nothing where it is not known."""
    return "" if count is None else human_bytes(count)


def shape_of(shape: list[int | None] | None) -> str:
    """A shape as people read it."""
    return shape_text(None if shape is None else tuple(shape))


def kind_of(tensor: Mapping[str, Any]) -> str:
    """The type of a tensor, and how it is made if that is not dense."""
    dtype, kind = str(tensor["dtype"]), tensor["kind"]
    return dtype if kind == "dense" else f"{kind} {dtype}"


def words_of(name: str) -> str:
    """A name of code in words."""
    return name.replace("_", " ")


def place_words(where: str) -> str:
    """Where two modules differ, with a variant called as on other pages.

    >>> place_words("{} ReadVariableOp"), place_words("{'train'} nodes"), place_words("w, 2 of 3 differ")
    ('for inference: ReadVariableOp', 'with the tag train: nodes', 'w, 2 of 3 differ')
    """
    found = re.match(r"\{([^}]*)\}(?: |$)", where)
    if found is None:
        return where
    title = variant_title(tag.strip(" '\"") for tag in found[1].split(",") if tag)
    rest = where[found.end() :]
    return f"{title}: {rest}" if rest else title


def day_of(time: str) -> str:
    """The day of a time in ISO 8601."""
    return time[:10]


def fields_of(value: Any) -> str:
    """The fields of a message in a line."""
    if not isinstance(value, Mapping):
        return "" if value is None else str(value)
    return ", ".join(
        f"{name}: {{{fields_of(inner)}}}" if isinstance(inner, Mapping) else f"{name}: {inner}"
        for name, inner in value.items()
    )
