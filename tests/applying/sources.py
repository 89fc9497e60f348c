"""The same thousand rows of texts and numbers as each kind of source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import tf1hub as hub
from tf1hub.format.checkpoint.crc import crc32c, mask
from tf1hub.format.messages_pb2 import Example

ROWS = 1000
TEXTS = [f"the word {number} ü of {number % 7}" for number in range(ROWS)]
IDS = [f"{number:05}" for number in range(ROWS)]
VECTORS = np.random.default_rng(0).random((ROWS, 4), np.float32)


def table() -> Any:
    """Keys, texts and vectors as a table of Arrow's."""
    import pyarrow as pa

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.reshape(-1)), 4)
    return pa.table({"id": IDS, "text": TEXTS, "vector": vectors})


def write(kind: str, folder: Path, rows: slice = slice(None)) -> Path:
    """Writes some of the rows as a kind of source."""
    path = folder / f"rows.{ {'text': 'txt'}.get(kind, kind) }"
    texts, ids, vectors = TEXTS[rows], IDS[rows], VECTORS[rows]
    if kind == "parquet":
        from pyarrow import parquet

        parquet.write_table(table()[rows], path, row_group_size=300)
    elif kind == "csv":
        lines = [
            f'{key},"{text}",' + ",".join(map(repr, vector))
            for key, text, vector in zip(ids, texts, vectors.tolist(), strict=True)
        ]
        path.write_text("\n".join(["id,text,v0,v1,v2,v3", *lines]) + "\n")
    elif kind == "jsonl":
        objects = [
            {"id": key, "text": text, "vector": vector}
            for key, text, vector in zip(ids, texts, vectors.tolist(), strict=True)
        ]
        path.write_text("".join(json.dumps(each) + "\n" for each in objects))
    elif kind == "tfrecord":
        path.write_bytes(b"".join(map(record, ids, texts, vectors)))
    elif kind == "text":
        path.write_text("".join(f"{text}\n" for text in texts))
    elif kind == "npy":
        np.save(path, vectors)
    else:
        np.savez(path, vector=vectors, id=np.array(ids), text=np.array(texts))
    return path


def record(key: str, text: str, vector: Any) -> bytes:
    """A framed example."""
    example = Example()
    example.features.feature["id"].bytes_list.value.append(key.encode())
    example.features.feature["text"].bytes_list.value.append(text.encode())
    example.features.feature["vector"].float_list.value.extend(vector.tolist())
    return framed(example.SerializeToString())


def framed(data: bytes) -> bytes:
    """A record as TFRecord files have it."""
    head = len(data).to_bytes(8, "little")
    return head + mask(crc32c(head)).to_bytes(4, "little") + data + mask(crc32c(data)).to_bytes(4, "little")


def read(path: Path) -> Any:
    """What was written: a table, of one file or of all parts."""
    from pyarrow import parquet

    return parquet.read_table(path)


def apply(path: str, source: Any, target: Path, **given: Any) -> hub.Applied:
    """`hub.apply` on NumPy, with little."""
    return hub.apply(path, source, target, **{"engine": "numpy", "threads": 2, "batch_size": 64, **given})
