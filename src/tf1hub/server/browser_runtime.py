"""onnxruntime-web: what runs a module's model in a visitor's browser. It comes along, packed (`scripts/browser_runtime.py`)."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tf1hub.errors import UnknownNameError
from tf1hub.server.answers import AGAIN, FOREVER, FileAnswer

TYPES = {
    "ort.wasm.min.mjs": "text/javascript; charset=utf-8",
    "ort-wasm-simd-threaded.mjs": "text/javascript; charset=utf-8",
    "ort-wasm-simd-threaded.wasm": "application/wasm",
}
"""The files that run a model in one thread, and their types."""
OWN = "own"
"""What stands in addresses for a version that the server was told of."""
_FOLDER = Path(__file__).parent / "runtime"
_PIECE = 1 << 18


@cache
def runtime_record() -> dict[str, Any]:
    """Which version came along, and the SHA-256 and bytes of its files as browsers see them."""
    found: dict[str, Any] = json.loads(_FOLDER.joinpath("record.json").read_text("utf-8"))
    return found


def version_of(directory: str) -> str:
    """What stands in addresses for the version that is used.

    Args:
        directory: where another version lies; empty for the one that came along.
    """
    return OWN if directory else str(runtime_record()["version"])


def send_runtime_file(request: Request, directory: str) -> Response:
    """Answers with a file.

    Args:
        request: its path has `version` and `name`.
        directory: where another version lies; empty for the one that came along.

    Raises:
        UnknownNameError: there is no such file.
    """
    version, name = request.path_params["version"], request.path_params["name"]
    if version != version_of(directory) or name not in TYPES:
        raise UnknownNameError(f"There is no file {name[:80]!r}.")
    if directory:
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            raise UnknownNameError(f"There is no file {name!r} in the directory of --browser-runtime.")
        return FileAnswer(path, f'"{os.path.getsize(path):x}"', TYPES[name], {"Cache-Control": AGAIN})
    etag = runtime_record()["files"][name]["sha256"][:32]
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    packed = _FOLDER / f"{name}.gz"
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return FileAnswer(str(packed), f'"{etag}-gz"', TYPES[name], {**headers, "Content-Encoding": "gzip"})
    size = str(runtime_record()["files"][name]["bytes"])
    pieces = _unpack(packed) if request.method != "HEAD" else iter(())
    plain = {**headers, "ETag": f'"{etag}"', "Content-Length": size, "Content-Type": TYPES[name]}
    return StreamingResponse(pieces, headers=plain)


def write_runtime(directory: Path) -> None:
    """Writes the files that came along as they are unpacked, for a server of files, which knows no packed ones."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in TYPES:
        with (directory / name).open("wb") as file:
            file.writelines(_unpack(_FOLDER / f"{name}.gz"))


def _unpack(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while piece := file.read(_PIECE):
            yield piece
