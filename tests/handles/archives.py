"""Small modules and archives, good and hostile, made in memory."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

MODULE = {
    "tfhub_module.pb": b"\x08\x03",
    "saved_model.pb": b"\x08\x01 graph",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 40,
    "assets/tokens.txt": b"a\nb\n",
}


def tar(files: Mapping[str, bytes] = MODULE, *, prefix: str = "./", fmt: int = tarfile.GNU_FORMAT) -> bytes:
    """Returns an uncompressed tar of the files, with their directories."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=fmt) as archive:
        made = set()
        for name, data in files.items():
            parent = name.rpartition("/")[0]
            if parent and parent not in made:
                made.add(parent)
                info = tarfile.TarInfo(prefix + parent)
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            info = tarfile.TarInfo(prefix + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tgz(files: Mapping[str, bytes] = MODULE, **options) -> bytes:
    """Returns a tar.gz of the files; the same bytes each time."""
    return gzip.compress(tar(files, **options), mtime=0)


def entries(*members: tuple[tarfile.TarInfo, bytes], fmt: int = tarfile.GNU_FORMAT) -> bytes:
    """Returns a tar of exactly these headers and data, whatever they say."""
    parts = []
    for info, data in members:
        parts.append(info.tobuf(format=fmt, encoding="utf-8", errors="surrogateescape"))
        parts.append(data + bytes(-len(data) % 512))
    return b"".join(parts) + bytes(1024)


def info(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **attributes
) -> tuple[tarfile.TarInfo, bytes]:
    """Returns a member for `entries`; its size is that of the data unless given."""
    header = tarfile.TarInfo(name)
    header.type = kind
    header.size = len(data)
    for key, value in attributes.items():
        setattr(header, key, value)
    return header, data


def write(directory: Path, files: Mapping[str, bytes] = MODULE) -> Path:
    """Writes the files below a directory and returns it."""
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def pieces(data: bytes, size: int = 1000) -> Iterable[bytes]:
    """Yields data in pieces, as a network gives it."""
    return (data[at : at + size] for at in range(0, len(data), size))


def tree(directory: str | Path) -> dict[str, bytes]:
    """Returns the content of every file below a directory."""
    root = Path(directory)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
