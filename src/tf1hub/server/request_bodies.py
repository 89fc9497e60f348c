"""What clients send: no more than was agreed, and not at a crawl."""

from __future__ import annotations

import asyncio
import json
import queue
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

PIECE_SECONDS = 30.0
LEAST_BYTES_PER_SECOND = 1024
_GRACE = 30.0
_JSON_BYTES = 64 << 10
_PIECE = 1 << 20
_AHEAD = 4
_Result = TypeVar("_Result")


async def pieces_of(request: Request, most: int) -> AsyncIterator[bytes]:
    """Yields the body in pieces of about 1 MiB.

    Raises:
        HTTPException: 413 for a longer one, 408 for one that creeps, 400 for one that ends early.
    """
    announced = request.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > most:
        raise HTTPException(
            413, f"The body has {announced} bytes; at most {most} are taken.", {"Connection": "close"}
        )
    begun, came, gathered = time.monotonic(), 0, bytearray()
    stream = request.stream().__aiter__()
    while True:
        try:
            piece = await asyncio.wait_for(stream.__anext__(), PIECE_SECONDS)
        except StopAsyncIteration:
            break
        except ClientDisconnect as error:
            raise HTTPException(400, "The body ended early.") from error
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise _too_slow() from error
        came += len(piece)
        if came > most:
            raise HTTPException(413, f"The body has more than {most} bytes.", {"Connection": "close"})
        passed = time.monotonic() - begun
        if passed > _GRACE and came < LEAST_BYTES_PER_SECOND * passed:
            raise _too_slow()
        gathered += piece
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _too_slow() -> HTTPException:
    return HTTPException(
        408, "The body comes too slowly. Send it again, or go on with it.", {"Connection": "close"}
    )


async def hand_over(request: Request, most: int, take: Callable[[Iterator[bytes]], _Result]) -> _Result:
    """Has a function in a thread of its own take the body, piece by piece, while it arrives."""
    pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)

    def arriving() -> Iterator[bytes]:
        while True:
            piece = pieces.get()
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def put(piece: bytes | BaseException | None) -> None:
        while not taking.done():
            try:
                pieces.put_nowait(piece)
                return
            except queue.Full:
                await asyncio.sleep(0.002)

    taking = asyncio.ensure_future(anyio.to_thread.run_sync(lambda: take(arriving())))
    try:
        async for piece in pieces_of(request, most):
            if taking.done():
                break
            await put(piece)
        await put(None)
    except BaseException as error:
        await put(error)
        with_error = await asyncio.gather(taking, return_exceptions=True)
        del with_error
        raise
    return await taking


async def json_of(request: Request, most: int = _JSON_BYTES) -> dict[str, Any]:
    """The object that a body of at most so many bytes holds.

    Raises:
        HTTPException: 400 where it is none.
    """
    body = b"".join([piece async for piece in pieces_of(request, most)])
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is not JSON.") from error
    if not isinstance(found, dict):
        raise HTTPException(400, "The body is not a JSON object.")
    return found


def field(document: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """A field of a body.

    Raises:
        HTTPException: 400 where it is missing or of another type.
    """
    value = document.get(name, default)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise HTTPException(400, f"The field {name!r} of the body is to be of the type {kind.__name__}.")
    return value
