"""Trying modules: in visitors' own browsers where a module has such a form, else in a process of the server where that is allowed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tf1hub.errors import ArgumentError, Error, RepositoryError, UnknownModuleError, UnsupportedGraphError
from tf1hub.repository.record import Record
from tf1hub.repository.repository import Repository
from tf1hub.server import page_parts
from tf1hub.server.answers import AGAIN, FileAnswer, JsonAnswer, fault, status_of
from tf1hub.server.browser_models import TEXT, BrowserModels, can_convert
from tf1hub.server.browser_runtime import send_runtime_file, version_of
from tf1hub.server.options import ServerOptions
from tf1hub.server.protocol_routes import find_record
from tf1hub.server.request_bodies import pieces_of
from tf1hub.server.trying import BusyError, run_apart

MOST_BYTES = 500_000_000
"""Larger modules are not offered to be tried."""
WITH_WASM = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
"""The policy of pages whose scripts compile WebAssembly, and evaluate nothing else."""
_MOST_GIVEN = 4 << 20


def routes() -> list[BaseRoute]:
    """The routes of what pages ask for to try a module."""
    return [
        Route("/static/onnxruntime/{version}/{name}", send_runtime, methods=["GET"]),
        Route("/{path:path}/try", try_version, methods=["POST"]),
    ]


def trials(
    request: Request, record: Record, description: Mapping[str, Any], capabilities: Mapping[str, Any]
) -> dict[str, Any]:
    """What a page offers to try: the signatures, each with `where` it runs."""
    options: ServerOptions = request.app.state.options
    found = offered_trials(request.app.state.repository, options, record, description, capabilities)
    in_browser = any(trial["where"] != "server" for trial in found)
    root = request.scope.get("root_path", "")
    runtime = f"{root}/static/onnxruntime/{version_of(options.browser_runtime)}/" if in_browser else ""
    return {"trials": found, "runtime": runtime}


def offered_trials(
    repository: Repository,
    options: ServerOptions,
    record: Record,
    description: Mapping[str, Any],
    capabilities: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The signatures of a version that visitors may try, each with `where` it runs."""
    if record.bytes > MOST_BYTES or not page_parts.is_for_visitors(capabilities):
        return []
    models = BrowserModels(repository.state)
    found = []
    for trial in page_parts.tryable(description):
        here = _runs_models(options) and not models.refusal(record.digest, trial["name"])
        if here or options.try_modules:
            where = "server" if not here else "both" if options.try_modules else "browser"
            found.append({**trial, "where": where})
    return found


def _runs_models(options: ServerOptions) -> bool:
    return options.in_browsers and can_convert()


def send_model(request: Request, record: Record, is_text: bool) -> Response:
    """A signature as an ONNX model, which the visitor's browser runs; or what runs before it."""
    options: ServerOptions = request.app.state.options
    repository: Repository = request.app.state.repository
    may = record.digest and page_parts.is_for_visitors(repository.capabilities(record.name))
    if not may or not _runs_models(options) or record.bytes > MOST_BYTES:
        raise UnknownModuleError(f"{record.name} has no model for browsers here.")
    signature = request.query_params.get("signature", "")
    offered = page_parts.tryable(repository.description(record.name))
    if signature not in [trial["name"] for trial in offered]:
        raise UnknownModuleError(f"{record.name} has no signature {signature[:80]!r} for browsers.")
    try:
        models = BrowserModels(repository.state)
        path = models.model(repository.directory(record.name), record.digest, signature)
    except BusyError as error:
        return fault(429, str(error), {"Retry-After": "5"})
    except UnsupportedGraphError as error:
        return fault(422, str(error))
    except RepositoryError as error:
        return fault(503, str(error))
    headers = {"Cache-Control": AGAIN}
    if is_text:
        if not os.path.exists(path + TEXT):
            raise UnknownModuleError(f"{record.name} has no ops on texts before its model.")
        path, kind = path + TEXT, "application/json"
    else:
        kind = "application/octet-stream"
        if os.path.exists(path + TEXT):
            headers["X-TF1Hub-Texts"] = "1"
    etag = f'"{hashlib.sha256(path.encode()).hexdigest()[:32]}"'
    return FileAnswer(path, etag, kind, headers)


def send_runtime(request: Request) -> Response:
    """A file of onnxruntime-web."""
    options: ServerOptions = request.app.state.options
    return send_runtime_file(request, options.browser_runtime)


async def try_version(request: Request) -> Response:
    """Runs a module for a visitor, where that is allowed."""
    options: ServerOptions = request.app.state.options
    if not options.try_modules:
        return fault(403, "Modules are not run here.")
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        # A page of another site can send forms, but not this.
        return fault(415, "Send JSON, as application/json.")
    body = b"".join([piece async for piece in pieces_of(request, _MOST_GIVEN)])
    try:
        asked = json.loads(body)
        signature, inputs = str(asked["signature"]), dict(asked["inputs"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return fault(400, "Send an object with 'signature' and 'inputs'.")

    def run() -> Response:
        try:
            repository: Repository = request.app.state.repository
            record = find_record(request, repository, request.path_params["path"])
            if not page_parts.is_for_visitors(repository.capabilities(record.name)):
                return fault(403, f"{record.name} reaches for more than its own files: it is not run here.")
            return JsonAnswer(run_apart(repository.directory(record.name), signature, inputs))
        except BusyError as error:
            return fault(429, str(error), {"Retry-After": "5"})
        except (ArgumentError, UnsupportedGraphError) as error:
            return fault(422, str(error))
        except Error as error:
            return fault(status_of(error), str(error))

    return await anyio.to_thread.run_sync(run)
