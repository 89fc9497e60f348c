"""The part of the API that changes something: publishing, yanking, aliases, pages; and the audit log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tf1hub.errors import HandleError
from tf1hub.handles.handle import check_digest
from tf1hub.repository.access_tokens import ADMIN, WRITE, Token
from tf1hub.repository.module_names import (
    ModuleName,
    VersionName,
    check_alias,
    is_version,
    module_name,
    version_name,
)
from tf1hub.repository.private_files import room_watched
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.record import Record
from tf1hub.repository.uploads import Upload, Uploads
from tf1hub.server.answers import JsonAnswer
from tf1hub.server.authorization import authorize, find_token
from tf1hub.server.request_bodies import field, hand_over, json_of, pieces_of

_MAX_PAGE = 1 << 20
_MAX_ENTRIES = 1000


def _publishing(request: Request) -> Publishing:
    found: Publishing = request.app.state.publishing
    return found


def _uploads(request: Request) -> Uploads:
    found: Uploads = request.app.state.uploads
    return found


def _module(request: Request) -> ModuleName:
    return module_name(f"{request.path_params['publisher']}/{request.path_params['name']}")


def _version(request: Request) -> VersionName:
    return version_name(f"{_module(request)}/{request.path_params['version']}")


def may_write(request: Request, publisher: str) -> Token:
    """The token of a request that may change what a publisher has.

    Raises:
        HTTPException: there is none, it may not, or nobody may.
    """
    if request.app.state.options.read_only:
        raise HTTPException(405, "This server is read-only.")
    return authorize(request, WRITE, publisher)


async def _in_thread(work: Callable[[], Any]) -> Any:
    return await anyio.to_thread.run_sync(work)


async def put_version(request: Request) -> Response:
    """Publishes the archive in the body."""
    name = _version(request)
    token = may_write(request, name.publisher)
    digest = _digest(request.query_params.get("digest", ""))
    publishing = _publishing(request)

    def take(pieces: Iterator[bytes]) -> Record:
        folder = os.path.join(publishing.repository.state, "staging")
        with room_watched():
            os.makedirs(folder, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                return publishing.publish(name, file.name, by=token.name, digest=digest)

    return _tell_created(await hand_over(request, publishing.repository.max_bytes, take))


def _digest(text: str) -> str:
    return check_digest(text, "digest") if text else ""


def _tell_created(record: Record) -> Response:
    return JsonAnswer(record.to_dict(), 201, {"Location": f"/{record.name}"})


async def begin_upload(request: Request) -> Response:
    """Begins an upload that may be interrupted."""
    may_write_something(request)
    document = await json_of(request)
    name = version_name(field(document, "handle", str))
    token = may_write(request, name.publisher)
    size, sha256 = field(document, "bytes", int), field(document, "sha256", str, "")
    upload = await _in_thread(lambda: _uploads(request).begin(name, size, sha256, token.name))
    return JsonAnswer(upload.to_dict(), 201, {"Location": f"/api/v1/uploads/{upload.id}"})


def _find_upload(request: Request) -> Upload:
    # Whose it is, the upload says; that there is none is told to those alone who have a token.
    token = may_write_something(request)
    upload = _uploads(request).find(request.path_params["upload"], token.name)
    may_write(request, upload.name.publisher)
    return upload


def may_write_something(request: Request) -> Token:
    """The token of a request that may write anything at all."""
    if request.app.state.options.read_only:
        raise HTTPException(405, "This server is read-only.")
    token = find_token(request)
    if token is None:
        return authorize(request, WRITE, "*")
    return token


async def tell_upload(request: Request) -> Response:
    """Tells how far an upload is."""
    upload = await _in_thread(lambda: _find_upload(request))
    return JsonAnswer(upload.to_dict(), headers={"Cache-Control": "no-store"})


async def add_to_upload(request: Request) -> Response:
    """Adds the body at the end of an upload."""
    upload = await _in_thread(lambda: _find_upload(request))
    text = request.headers.get("Upload-Offset", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise HandleError("Say with the header Upload-Offset at which byte the body goes on.")
    offset = int(text)
    uploads = _uploads(request)
    most = max(0, upload.bytes - upload.offset)
    added = await hand_over(request, most, lambda pieces: uploads.add(upload, offset, pieces))
    return JsonAnswer(added.to_dict(), headers={"Cache-Control": "no-store"})


async def finish_upload(request: Request) -> Response:
    """Publishes what was uploaded."""
    upload = await _in_thread(lambda: _find_upload(request))
    # With escapes, a page takes several times its own bytes.
    document = await json_of(request, 8 * _MAX_PAGE)
    page, digest = field(document, "page", str, ""), _digest(field(document, "digest", str, ""))
    uploads, publishing = _uploads(request), _publishing(request)

    def work() -> Record:
        path = uploads.finish(upload)
        record = publishing.publish(upload.name, path, by=upload.by, digest=digest, page=page)
        uploads.remove(upload)
        return record

    return _tell_created(await _in_thread(work))


async def drop_upload(request: Request) -> Response:
    """Throws an upload away."""
    upload = await _in_thread(lambda: _find_upload(request))
    await _in_thread(lambda: _uploads(request).remove(upload))
    return Response(status_code=204)


async def put_page(request: Request) -> Response:
    """Writes the Markdown page of a version."""
    name = _version(request)
    token = may_write(request, name.publisher)
    body = b"".join([piece async for piece in pieces_of(request, _MAX_PAGE)])
    try:
        page = body.decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, "The page is not UTF-8.") from error
    record = await _in_thread(lambda: _publishing(request).set_page(name, page, by=token.name))
    return JsonAnswer(record.to_dict())


async def put_yank(request: Request) -> Response:
    """Yanks a version."""
    name = _version(request)
    token = may_write(request, name.publisher)
    reason = field(await json_of(request), "reason", str)
    record = await _in_thread(lambda: _publishing(request).yank(name, reason, by=token.name))
    return JsonAnswer(record.to_dict())


async def drop_yank(request: Request) -> Response:
    """Takes a yank back."""
    name = _version(request)
    token = may_write(request, name.publisher)
    record = await _in_thread(lambda: _publishing(request).unyank(name, by=token.name))
    return JsonAnswer(record.to_dict())


async def put_alias(request: Request) -> Response:
    """Makes an alias mean a version."""
    module, alias = _module(request), check_alias(request.path_params["alias"])
    token = may_write(request, module.publisher)
    version = field(await json_of(request), "version", int)
    if not is_version(str(version)):
        raise HandleError(f"{version} is no version.")
    aliases = await _in_thread(lambda: _publishing(request).set_alias(module, alias, version, by=token.name))
    return JsonAnswer({"module": str(module), "aliases": aliases})


async def drop_alias(request: Request) -> Response:
    """Takes an alias away."""
    module, alias = _module(request), check_alias(request.path_params["alias"])
    token = may_write(request, module.publisher)
    aliases = await _in_thread(lambda: _publishing(request).set_alias(module, alias, None, by=token.name))
    return JsonAnswer({"module": str(module), "aliases": aliases})


def list_aliases(request: Request) -> Response:
    """The aliases of a module."""
    module, repository = _module(request), _publishing(request).repository
    repository.versions(module)  # raises where there is no such module
    return JsonAnswer({"module": str(module), "aliases": repository.aliases(module)})


def read_audit(request: Request) -> Response:
    """The newest entries of the audit log, for those who administer the repository."""
    authorize(request, ADMIN, "*")
    text = request.query_params.get("limit", "100")
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or not 0 < int(text) <= _MAX_ENTRIES:
        raise HandleError(f"limit is a number from 1 to {_MAX_ENTRIES}.")
    entries = list(_publishing(request).log.entries(newest=int(text)))
    return JsonAnswer({"entries": entries}, headers={"Cache-Control": "no-store"})


def routes() -> list[BaseRoute]:
    """The routes that change something."""
    module = "/api/v1/modules/{publisher}/{name:path}"
    version = module + "/versions/{version}"
    upload = "/api/v1/uploads/{upload}"
    return [
        Route("/api/v1/uploads", begin_upload, methods=["POST"]),
        Route(upload + "/publish", finish_upload, methods=["POST"]),
        Route(upload, tell_upload, methods=["GET"]),
        Route(upload, add_to_upload, methods=["PATCH"]),
        Route(upload, drop_upload, methods=["DELETE"]),
        Route(version + "/page", put_page, methods=["PUT"]),
        Route(version + "/yank", put_yank, methods=["PUT"]),
        Route(version + "/yank", drop_yank, methods=["DELETE"]),
        Route(module + "/aliases/{alias}", put_alias, methods=["PUT"]),
        Route(module + "/aliases/{alias}", drop_alias, methods=["DELETE"]),
        Route(module + "/aliases", list_aliases, methods=["GET"]),
        Route(version, put_version, methods=["PUT"]),
        Route("/api/v1/audit", read_audit, methods=["GET"]),
    ]
