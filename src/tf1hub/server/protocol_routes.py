"""The hosting protocol: what programs ask the address of a module with `?tf-hub-format=`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from tf1hub.errors import Error, RepositoryError, UnknownModuleError
from tf1hub.repository.module_names import is_version
from tf1hub.repository.record import YANKED, Record
from tf1hub.repository.repository import Repository
from tf1hub.server.answers import AGAIN, FOREVER, FileAnswer, file_etag, header_text, plain_fault, status_of
from tf1hub.server.options import ServerOptions
from tf1hub.storage import is_remote, join_path

FORMAT_PARAMETER = "tf-hub-format"


class _ProtocolRoute(Route):
    """Is meant only where the query says so; the same address without it is a page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or f"{FORMAT_PARAMETER}=".encode() not in scope.get("query_string", b""):
            return Match.NONE, {}
        return super().matches(scope)


def answer_module(request: Request) -> Response:
    """Answers with the archive of a module, or with where it lies."""
    repository: Repository = request.app.state.repository
    options: ServerOptions = request.app.state.options
    handle = request.path_params["handle"]
    wanted = request.query_params.get(FORMAT_PARAMETER, "")
    if wanted not in ("compressed", "uncompressed"):
        return plain_fault(400, f"{FORMAT_PARAMETER} is 'compressed' or 'uncompressed', not {wanted[:40]!r}.")
    try:
        name = repository.find(handle)
        if not is_version(handle.rstrip("/").rpartition("/")[2]):
            # An alias moves: what is fetched, and remembered, is the version that it means now.
            url = request.url.replace(path=f"/{name}")
            return RedirectResponse(f"{url.path}?{url.query}", 302, {"Cache-Control": AGAIN})
        record = find_record(request, repository, str(name))
        if wanted == "uncompressed":
            return _tell_place(repository, options, record)
        path = repository.archive(record.name)
    except Error as error:
        return plain_fault(status_of(error), str(error))
    headers = {**version_headers(record), "Cache-Control": FOREVER}
    headers["Content-Disposition"] = (
        f'attachment; filename="{record.name.name.replace("/", "-")}-{record.version}.tar.gz"'
    )
    return FileAnswer(path, file_etag(record.digest, path), "application/gzip", headers)


def find_record(request: Request, repository: Repository, handle: str) -> Record:
    """The record of a version, which is fetched from another hub first where that is set up."""
    fetch = getattr(request.app.state, "fetch", None)
    try:
        return repository.record(handle)
    except UnknownModuleError:
        if fetch is None:
            raise
        fetch(handle)
        return repository.record(handle)


def version_headers(record: Record) -> dict[str, str]:
    """What all answers about a version say of it."""
    headers = {"X-TF1Hub-Digest": record.digest} if record.digest else {}
    if record.status == YANKED:
        headers["X-TF1Hub-Yanked"] = header_text(record.reason or "no reason was given")
    if record.source:
        headers["X-TF1Hub-Copy-Of"] = header_text(record.source)
    return headers


def _tell_place(repository: Repository, options: ServerOptions, record: Record) -> Response:
    located = repository.layout.find(record.name)
    root = options.storage_url or (repository.folder if is_remote(repository.folder) else "")
    if not root or located is None or located.is_archive:
        raise RepositoryError(
            f"{record.name} lies in no storage that others can read. Ask for {FORMAT_PARAMETER}=compressed."
        )
    place = join_path(root.rstrip("/"), located.path)
    headers = {**version_headers(record), "Cache-Control": AGAIN, "Location": place}
    return PlainTextResponse(place, 303, headers)


def routes() -> list[BaseRoute]:
    """The routes of the hosting protocol; they come before those of pages."""
    return [_ProtocolRoute("/{handle:path}", answer_module, methods=["GET"])]
