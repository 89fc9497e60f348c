"""The API for programs: `/api/v1`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tf1hub.errors import HandleError
from tf1hub.repository.module_names import ModuleName, VersionName, module_name
from tf1hub.repository.record import FACETS
from tf1hub.repository.repository import Repository
from tf1hub.server.answers import JsonAnswer
from tf1hub.server.protocol_routes import find_record, version_headers

MAX_PAGE = 200


def _repository(request: Request) -> Repository:
    found: Repository = request.app.state.repository
    return found


def _module(request: Request) -> ModuleName:
    return module_name(f"{request.path_params['publisher']}/{request.path_params['name']}")


def _version(request: Request) -> VersionName:
    text = request.path_params["version"]
    module = _module(request)
    return _repository(request).find(f"{module}/{text}")


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > most:
        raise HandleError(f"{name} is a number from 0 to {most}, not {text[:40]!r}.")
    return int(text)


def search(request: Request) -> Response:
    """Modules that match words and facets."""
    facets = {facet: request.query_params.getlist(facet) for facet in FACETS}
    found = _repository(request).modules(
        request.query_params.get("q", "")[:500],
        {facet: values for facet, values in facets.items() if values},
        limit=_number(request, "limit", 50, MAX_PAGE),
        offset=_number(request, "offset", 0, 1_000_000),
    )
    return JsonAnswer(found.to_dict())


def list_publishers(request: Request) -> Response:
    """Publishers, with how many modules each has."""
    return JsonAnswer({"publishers": _repository(request).publishers()})


def list_versions(request: Request) -> Response:
    """All versions of a module, and its aliases."""
    repository, module = _repository(request), _module(request)
    records = repository.versions(module)
    return JsonAnswer(
        {
            "module": str(module),
            "versions": [record.to_dict() for record in records],
            "aliases": repository.aliases(module),
        }
    )


def describe_version(request: Request) -> Response:
    """What is known of a version, with its machine-readable specification."""
    repository = _repository(request)
    record = find_record(request, repository, str(_version(request)))
    document = record.to_dict()
    if record.digest:
        details = repository.details(record.name)
        document |= {"description": details["description"], "signature": details["signature"]}
    return JsonAnswer(document, headers=version_headers(record))


def tell_manifest(request: Request) -> Response:
    """The digest, and the size and SHA-256 of every file."""
    record = find_record(request, _repository(request), str(_version(request)))
    return JsonAnswer(_repository(request).manifest(record.name), headers=version_headers(record))


def tell_capabilities(request: Request) -> Response:
    """What a version can do besides computing."""
    record = find_record(request, _repository(request), str(_version(request)))
    return JsonAnswer(_repository(request).capabilities(record.name), headers=version_headers(record))


def tell_page(request: Request) -> Response:
    """The Markdown page of a version."""
    record = find_record(request, _repository(request), str(_version(request)))
    page = _repository(request).page(record.name)
    return Response(page, media_type="text/markdown; charset=utf-8", headers=version_headers(record))


def routes() -> list[BaseRoute]:
    """The routes of the API."""
    module = "/api/v1/modules/{publisher}/{name:path}/versions"
    version = module + "/{version}"
    return [
        Route("/api/v1/modules", search, methods=["GET"]),
        Route("/api/v1/publishers", list_publishers, methods=["GET"]),
        Route(version + "/manifest", tell_manifest, methods=["GET"]),
        Route(version + "/capabilities", tell_capabilities, methods=["GET"]),
        Route(version + "/page", tell_page, methods=["GET"]),
        Route(version, describe_version, methods=["GET"]),
        Route(module, list_versions, methods=["GET"]),
    ]
