"""What answers of pages have in common: templates, the beginning of addresses, static files, tags of content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from tf1hub.server import page_parts
from tf1hub.server.answers import AGAIN, not_modified
from tf1hub.server.options import ServerOptions
from tf1hub.spec.description import human_count

_ERRORS = {
    400: "That cannot be asked",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible now",
    422: "Damaged",
    429: "Too much at once",
}


def error_page(request: Request, status: int, message: str) -> Response:
    """What people are told that cannot have what they ask for."""
    title = _ERRORS.get(status, "Something went wrong here" if status >= 500 else "Not possible")
    return render_page(request, "error.html", status, title=title, message=message, code=status)


def render_page(
    request: Request,
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **given: Any,
) -> Response:
    """A page from its template, with what every page is given.

    Args:
        request: that it answers.
        template: the name of the template's file.
        status: of the answer.
        headers: what else goes into its head.
        given: what the template shows.
    """
    options: ServerOptions = request.app.state.options
    root = root_of(request)
    if "record" in given:
        given["handle"] = f"{root}{given['record'].name}"
    if template == "error.html":
        given["status"] = given.pop("code")
    text = _templates().get_template(template).render(site=options.title, root=root, **given)
    answer = answer_text(request, text, "text/html; charset=utf-8", headers)
    if answer.status_code == 200:
        answer.status_code = status
    return answer


def answer_text(
    request: Request, text: str, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A text with the tag of its content; nothing but the head for who has it already."""
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    every = {"ETag": etag, "Cache-Control": AGAIN, "Vary": "Accept-Encoding", **(headers or {})}
    if not_modified(request, etag):
        return Response(status_code=304, headers=every)
    return Response(body, media_type=media_type, headers=every)


def root_of(request: Request) -> str:
    """The beginning of addresses: what a server in front of this one put before them."""
    return f"{request.scope.get('root_path', '')}/"


@cache
def read_static(name: str) -> str:
    """The content of a file that comes along."""
    return files("tf1hub.server").joinpath("static", name).read_text("utf-8")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("tf1hub.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": page_parts.bytes_of,
        "count": human_count,
        "day": page_parts.day_of,
        "fields": page_parts.fields_of,
        "kind": page_parts.kind_of,
        "shape": page_parts.shape_of,
        "thousands": lambda number: f"{number:,}",
        "tojson_plain": lambda value: json.dumps(list(value)),
        "where": page_parts.place_words,
        "words": page_parts.words_of,
    }
    return environment
