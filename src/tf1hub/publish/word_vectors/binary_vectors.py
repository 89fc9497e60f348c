"""The binary format of word2vec: a header line, then a token, a space and float32 numbers for each vector."""

from __future__ import annotations

import numpy as np

from tf1hub.errors import FormatError
from tf1hub.publish.word_vectors.collection import Collection
from tf1hub.publish.word_vectors.vector_file import VectorFile, VectorLayout

_READ_BYTES = 4 << 20
_LONGEST_TOKEN = 1 << 16


def read_binary(source: VectorFile, layout: VectorLayout, collection: Collection) -> None:
    """Reads all records, or as many as the limit asks for.

    Raises:
        FormatError: the file ends inside a record, or has fewer records than its header says.
    """
    source.read(source.peek(_READ_BYTES).index(b"\n") + 1)
    size = 4 * layout.dimensions
    buffer, number = b"", 1
    total = layout.count or 0
    while number <= total and not collection.is_full:
        data = source.read(max(_READ_BYTES, size))
        buffer += data
        tokens: list[bytes] = []
        vectors: list[bytes] = []
        position = 0
        while number + len(tokens) <= total:
            end = buffer.find(b" ", position)
            if end < 0 or end + 1 + size > len(buffer):
                break
            # The original program ends each record with a line break, others do not.
            tokens.append(buffer[position:end].removeprefix(b"\n"))
            vectors.append(buffer[end + 1 : end + 1 + size])
            position = end + 1 + size
        buffer = buffer[position:]
        if tokens:
            array = np.frombuffer(b"".join(vectors), "<f4").reshape(len(tokens), layout.dimensions)
            collection.add(range(number, number + len(tokens)), tokens, array)
            number += len(tokens)
        elif not data or len(buffer) > size + _LONGEST_TOKEN + _READ_BYTES:
            raise FormatError(
                f"{source.path} was cut or is damaged: its header says {total} vectors of {layout.dimensions} numbers, "
                f"and record {number} is not whole."
            )
