"""The API in the words of OpenAPI 3.1: what programs are made from, and what a fuzzer holds it against."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tf1hub import __version__
from tf1hub.repository.record import FACETS
from tf1hub.server.answers import JsonAnswer

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z_-]$"
_VERSION = r"^(0|[1-9][0-9]{0,8})$"
_STRING: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}
_DIGEST: dict[str, Any] = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_RECORD = _object(
    handle=_STRING,
    publisher=_STRING,
    name=_STRING,
    version=_NUMBER,
    status={"enum": ["ok", "damaged", "yanked"]},
    reason=_STRING,
    digest=_DIGEST,
    bytes=_NUMBER,
    files=_NUMBER,
    parameters=_NUMBER,
    published=_STRING,
    publisher_token=_STRING,
    source=_STRING,
    tasks=_list(_STRING),
    dtypes=_list(_STRING),
    fine_tunable={"type": "boolean"},
    tensorflow=_list(_STRING),
    needs=_list(_STRING),
    summary=_STRING,
)

_SCHEMAS: dict[str, Any] = {
    "Error": _object(error=_object(status=_NUMBER, message=_STRING)),
    "Record": _RECORD,
    "Description": {
        "allOf": [
            _ref("Record"),
            {
                "type": "object",
                "properties": {
                    "description": {"type": "object"},
                    "signature": {
                        "type": ["object", "null"],
                        "properties": {"signer": _STRING, "trusted": {"type": "boolean"}},
                    },
                },
            },
        ]
    },
    "Found": _object(
        total=_NUMBER,
        modules=_list(_ref("Record")),
        facets={
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": _NUMBER},
        },
    ),
    "Publishers": _object(publishers={"type": "object", "additionalProperties": _NUMBER}),
    "Aliases": _object(module=_STRING, aliases={"type": "object", "additionalProperties": _NUMBER}),
    "Versions": _object(
        module=_STRING,
        versions=_list(_ref("Record")),
        aliases={"type": "object", "additionalProperties": _NUMBER},
    ),
    "Manifest": _object(
        handle=_STRING,
        digest=_DIGEST,
        bytes=_NUMBER,
        files=_list(_object(name=_STRING, size=_NUMBER, sha256=_STRING)),
    ),
    "Capabilities": _object(
        module=_STRING, ok={"type": "boolean"}, needs=_list(_STRING), parts=_list({"type": "object"})
    ),
    "Upload": _object(id=_STRING, handle=_STRING, bytes=_NUMBER, sha256=_STRING, offset=_NUMBER),
    "Entries": _object(entries=_list({"type": "object"})),
}


def _parameter(name: str, where: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": words}


_PUBLISHER = _parameter("publisher", "path", {**_STRING, "pattern": _NAME}, "Whose module it is.")
_MODULE = _parameter(
    "name", "path", {**_STRING, "pattern": _NAME}, "The module; its name may have parts, with '/'."
)
_NUMBERED = _parameter("version", "path", {**_STRING, "pattern": _VERSION}, "The version's number.")
_VERSION_OR_ALIAS = _parameter(
    "version",
    "path",
    {**_STRING, "pattern": "^[a-z0-9][a-z0-9-]{0,31}$"},
    "The version's number, or an alias.",
)
_ALIAS = _parameter("alias", "path", {**_STRING, "pattern": "^[a-z][a-z0-9-]{0,31}$"}, "Such as prod.")
_UPLOAD = _parameter("upload", "path", {**_STRING, "pattern": "^[0-9a-f]{32}$"}, "The id of the upload.")
_QUERIES = [
    _parameter("q", "query", _STRING, "Words, or beginnings of words."),
    _parameter("limit", "query", {"type": "integer", "minimum": 0, "maximum": 200}, "How many are told of."),
    _parameter(
        "offset",
        "query",
        {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "How many are passed over.",
    ),
    *(_parameter(facet, "query", _list(_STRING), "Values of which a module has one.") for facet in FACETS),
]
_ARCHIVE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _body(**properties: Any) -> dict[str, Any]:
    required = [name for name, schema in properties.items() if not schema.pop("optional", False)]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _operation(
    words: str,
    schema: str | None,
    *parameters: dict[str, Any],
    status: int = 200,
    body: dict[str, Any] | None = None,
    write: bool = False,
    kind: str = "application/json",
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if schema is not None:
        good["content"] = {kind: {"schema": _ref(schema) if kind == "application/json" else _STRING}}
    bad = {
        "description": "What is wrong, in words.",
        "content": {"application/json": {"schema": _ref("Error")}},
    }
    statuses = [400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 503, 507]
    operation: dict[str, Any] = {
        "summary": words,
        "parameters": list(parameters),
        "responses": {str(status): good, **{str(one): bad for one in statuses}},
        "security": [{"token": []}] if write else [{}, {"token": []}],
    }
    if body is not None:
        operation["requestBody"] = body
    return operation


def describe_api() -> dict[str, Any]:
    """The description of the API, as OpenAPI has it."""
    module = "/api/v1/modules/{publisher}/{name}"
    version = module + "/versions/{version}"
    upload = "/api/v1/uploads/{upload}"
    named, numbered = (_PUBLISHER, _MODULE), (_PUBLISHER, _MODULE, _NUMBERED)
    either = (_PUBLISHER, _MODULE, _VERSION_OR_ALIAS)
    paths = {
        "/api/v1/modules": {"get": _operation("Searches modules.", "Found", *_QUERIES)},
        "/api/v1/publishers": {
            "get": _operation("Lists publishers, with how many modules each has.", "Publishers")
        },
        module + "/versions": {
            "get": _operation("Lists versions, the newest first, and aliases.", "Versions", *named)
        },
        version: {
            "get": _operation(
                "Tells what is known of a version, with its specification.", "Description", *either
            ),
            "put": _operation(
                "Publishes the archive in the body.",
                "Record",
                *numbered,
                _parameter("digest", "query", _DIGEST, "What the content's digest must be."),
                status=201,
                body={"required": True, "content": _ARCHIVE},
                write=True,
            ),
        },
        version + "/manifest": {
            "get": _operation("Tells the size and SHA-256 of every file.", "Manifest", *either)
        },
        version + "/capabilities": {
            "get": _operation("Tells what it can do besides computing.", "Capabilities", *either)
        },
        version + "/page": {
            "get": _operation("Gives its page in Markdown.", "Page", *either, kind="text/markdown"),
            "put": _operation(
                "Writes its page.",
                "Record",
                *numbered,
                body={"required": True, "content": {"text/markdown": {"schema": _STRING}}},
                write=True,
            ),
        },
        version + "/yank": {
            "put": _operation(
                "Takes it back.",
                "Record",
                *numbered,
                body=_body(reason={**_STRING, "minLength": 1}),
                write=True,
            ),
            "delete": _operation("Takes a yank back.", "Record", *numbered, write=True),
        },
        module + "/aliases": {"get": _operation("Lists the aliases of a module.", "Aliases", *named)},
        module + "/aliases/{alias}": {
            "put": _operation(
                "Makes an alias mean a version.",
                "Aliases",
                *named,
                _ALIAS,
                body=_body(version=dict(_NUMBER)),
                write=True,
            ),
            "delete": _operation("Takes an alias away.", "Aliases", *named, _ALIAS, write=True),
        },
        "/api/v1/uploads": {
            "post": _operation(
                "Begins an upload that may be interrupted, or finds the one that was.",
                "Upload",
                status=201,
                body=_body(
                    handle=dict(_STRING),
                    bytes={**_NUMBER, "minimum": 1},
                    sha256={**_STRING, "optional": True},
                ),
                write=True,
            )
        },
        upload: {
            "get": _operation("Tells how far an upload is.", "Upload", _UPLOAD, write=True),
            "patch": _operation(
                "Adds the body at its end.",
                "Upload",
                _UPLOAD,
                _parameter(
                    "Upload-Offset",
                    "header",
                    {"type": "integer", "minimum": 0},
                    "At which byte the body goes on.",
                ),
                body={"required": True, "content": _ARCHIVE},
                write=True,
            ),
            "delete": _operation("Throws it away.", None, _UPLOAD, status=204, write=True),
        },
        upload + "/publish": {
            "post": _operation(
                "Publishes what was uploaded.",
                "Record",
                _UPLOAD,
                status=201,
                body=_body(page={**_STRING, "optional": True}, digest={**_STRING, "optional": True}),
                write=True,
            )
        },
        "/api/v1/audit": {
            "get": _operation(
                "Reads the newest entries of the audit log; for administrators.",
                "Entries",
                _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000}, "How many."),
                write=True,
            )
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "A hub of TF1 Hub format modules", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def send_description(_: Request) -> Response:
    """The description of the API."""
    return JsonAnswer(describe_api())


def routes() -> list[BaseRoute]:
    """Where the description is."""
    return [Route("/api/v1/openapi.json", send_description, methods=["GET"])]
