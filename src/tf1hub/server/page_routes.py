"""Pages for people: the catalogue, publishers, modules, their graphs, and what changed between versions."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tf1hub.drawing.svg import style
from tf1hub.errors import (
    Error,
    HandleError,
    UnknownModuleError,
    UnknownNameError,
)
from tf1hub.repository.module_names import ModuleName, VersionName, check_publisher, is_version
from tf1hub.repository.module_page import KEYS, read_page
from tf1hub.repository.record import FACETS, SIZES, Record
from tf1hub.repository.repository import Repository
from tf1hub.server import page_parts, trial_routes
from tf1hub.server.looking import MOST_BYTES_COMPARED, Looks
from tf1hub.server.markdown import render
from tf1hub.server.options import ServerOptions
from tf1hub.server.page_answers import answer_text, read_static, render_page, root_of
from tf1hub.server.protocol_routes import find_record, version_headers
from tf1hub.storage import join_path, place_at

_CARDS = 30
_VARIABLES = 40
_VARIABLES_OF_A_PAGE = 500
_TITLES = {
    "task": "Task",
    "dtype": "Type",
    "fine_tunable": "Fine-tunable",
    "publisher": "Publisher",
    "size": "Size",
    "tensorflow": "Runs on TensorFlow",
    "status": "State",
}
_SHOWN_CHOICES = 12
_STATIC = {
    "site.css": "text/css; charset=utf-8",
    "site.js": "text/javascript; charset=utf-8",
    "theme.js": "text/javascript; charset=utf-8",
    "try.js": "text/javascript; charset=utf-8",
    "text.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def routes() -> list[BaseRoute]:
    """The routes of pages; they come last."""
    return [
        Route("/", show_catalogue, methods=["GET"]),
        Route("/static/{name}", send_static, methods=["GET"]),
        Route("/favicon.ico", send_icon, methods=["GET"]),
        *trial_routes.routes(),
        Route("/{publisher}", show_publisher, methods=["GET"]),
        Route("/{path:path}", show_below, methods=["GET"]),
    ]


def show_catalogue(request: Request) -> Response:
    """All modules, searched and narrowed down."""
    repository = _repository(request)
    query = request.query_params.get("q", "")[:200].replace("\x00", "")
    chosen = {facet: request.query_params.getlist(facet)[:50] for facet in FACETS}
    chosen = {facet: values for facet, values in chosen.items() if values}
    start = _number(request, "start")
    found = repository.modules(query, chosen, limit=_CARDS, offset=start)

    def at(number: int) -> str:
        words = {**({"q": query} if query else {}), **chosen, **({"start": number} if number else {})}
        return f"{root_of(request)}?{urlencode(words, doseq=True)}"

    return render_page(
        request,
        "catalogue.html",
        query=query,
        found=found,
        total_all=f"{sum(repository.publishers().values()):,}",
        facets=[_facet(facet, found.facets.get(facet, {}), chosen.get(facet, [])) for facet in FACETS],
        before=at(max(0, start - _CARDS)) if start else "",
        after=at(start + _CARDS) if start + _CARDS < found.total else "",
    )


def show_publisher(request: Request) -> Response:
    """Who a publisher is, and what they published."""
    repository = _repository(request)
    publisher = check_publisher(request.path_params["publisher"])
    found = repository.modules("", {"publisher": [publisher]}, limit=100)
    text = repository.publisher_page(publisher)
    if not found.total and not text:
        raise UnknownModuleError(f"There is no publisher {publisher} in this repository.")
    page = read_page(text)
    return render_page(
        request,
        "publisher.html",
        publisher=publisher,
        text=render("\n\n".join(part for part in (page.summary, page.text) if part), 2),
        records=found.records,
        total=found.total,
    )


def show_below(request: Request) -> Response:
    """What is at an address below a publisher: a module, one of its versions, or a page about one."""
    path = request.path_params["path"].strip("/")
    parts = path.split("/")
    number = next((place for place, part in enumerate(parts) if place >= 2 and is_version(part)), None)
    repository = _repository(request)
    if number is None:
        return _show_newest(request, repository, path)
    record = find_record(request, repository, "/".join(parts[: number + 1]))
    rest = parts[number + 1 :]
    if not rest:
        return show_version(request, record)
    if rest == ["variables"]:
        return show_variables(request, record)
    if rest == ["graph"]:
        return show_graph(request, record)
    if rest in (["model.onnx"], ["model.onnx.text"]):
        return trial_routes.send_model(request, record, is_text=rest == ["model.onnx.text"])
    if rest == ["graph.svg"]:
        return send_graph(request, record)
    if rest[0] == "compare" and len(rest) <= 2:
        return show_difference(request, record, rest[1:])
    raise UnknownModuleError(f"There is no page {'/'.join(rest)} of {record.name}.")


def show_version(request: Request, record: Record) -> Response:
    """All that is known of a version."""
    repository, looks = _repository(request), _looks(request)
    page = read_page(repository.page(record.name))
    versions = repository.versions(record.module)
    given: dict[str, Any] = {
        "record": record,
        "versions": versions,
        "comparable": [each.version for each in versions if each.digest],
        "aliases": repository.aliases(record.module),
        "summary": render(page.summary) if page.summary else "",
        "module": None,
    }
    if record.digest:
        details = repository.details(record.name)
        description, capabilities = details["description"], details["capabilities"]
        url = _url(request, record.name)
        abilities = page_parts.ability_rows(capabilities)
        given |= {
            "module": _give_title(description),
            "snippets": list(page_parts.snippets(url, description, record.needs)),
            "text": render(page.text, 3),
            "metadata": [
                (KEYS[key], values) for key, values in page.metadata.items() if values != ("legacy",)
            ],
            "assets": _assets(repository, record, description),
            "attachments": [
                (variant["title"], attachment)
                for variant in description["variants"]
                for attachment in variant["attachments"]
            ],
            "ops": page_parts.count_ops(description),
            "abilities": abilities,
            "signature": details["signature"],
            "needs": record.needs,
            "only_computes": page_parts.is_for_visitors(capabilities),
            **trial_routes.trials(request, record, description, capabilities),
            "picture": looks.first_picture(record.digest, lambda: repository.directory(record.name)),
            **_variables(description, 0, _VARIABLES),
        }
        given["sections"] = [
            (key, words)
            for key, words, there in (
                ("use", "Use it", True),
                ("try", "Try it", given["trials"]),
                ("about", "About", given["metadata"] or given["text"]),
                ("signatures", "Signatures", True),
                ("graph", "Graph", True),
                ("variables", "Variables", description["variables"]),
                ("assets", "Assets", given["assets"]),
                ("attachments", "Attachments", given["attachments"]),
                ("ops", "Ops", True),
                ("abilities", "What it can do", True),
                ("origin", "Where it comes from", True),
                ("versions", "Versions", True),
            )
            if there
        ]
    headers = version_headers(record)
    if given.get("runtime"):
        headers["Content-Security-Policy"] = trial_routes.WITH_WASM
    return render_page(request, "module.html", headers=headers, **given)


def show_variables(request: Request, record: Record) -> Response:
    """All variables of a version, some hundreds at a time."""
    start = _number(request, "start")
    description = _repository(request).description(record.name)
    total, here = len(description["variables"]), f"{root_of(request)}{record.name}/variables"
    return render_page(
        request,
        "variables.html",
        record=record,
        before=f"{here}?start={max(0, start - _VARIABLES_OF_A_PAGE)}" if start else "",
        after=f"{here}?start={start + _VARIABLES_OF_A_PAGE}" if start + _VARIABLES_OF_A_PAGE < total else "",
        **_variables(description, start, _VARIABLES_OF_A_PAGE),
    )


def show_graph(request: Request, record: Record) -> Response:
    """The graph of a variant; the address says which scopes are open."""
    repository = _repository(request)
    asked = request.query_params
    tags, signature = asked.get("tags", ""), asked.get("signature", "")
    picture = _looks(request).picture(
        record.digest, lambda: repository.directory(record.name), tags, signature
    )
    first = picture.first_opened
    # What is open is told as the difference from what is open at first: the address stays short.
    changed = set(asked.getlist("turn")[:200]) & set(picture.scopes)
    opened = first ^ changed
    here = f"{root_of(request)}{record.name}/graph"
    kept = {key: value for key, value in (("tags", tags), ("signature", signature)) if value}

    def link(box: Any, _: bool) -> str:
        return f"{here}?{urlencode({**kept, 'turn': sorted(changed ^ {box.key})}, doseq=True)}"

    variants = repository.description(record.name)["variants"]
    chosen = next((each for each in variants if ",".join(each["tags"]) == tags), variants[0])
    return render_page(
        request,
        "graph.html",
        record=record,
        picture=picture,
        svg=Markup(picture.to_fragment(opened, link)),  # made by us; names in it are escaped
        variants=[(",".join(each["tags"]), page_parts.variant_title(each["tags"])) for each in variants],
        signatures=[each["name"] for each in chosen["signatures"]],
        tags=tags,
        signature=signature,
    )


def send_graph(request: Request, record: Record) -> Response:
    """The picture of the graph as a file of its own."""
    repository = _repository(request)
    asked = request.query_params
    picture = _looks(request).picture(
        record.digest,
        lambda: repository.directory(record.name),
        asked.get("tags", ""),
        asked.get("signature", ""),
    )
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    return answer_text(request, picture.to_svg(), "image/svg+xml", {"Content-Security-Policy": policy})


def show_difference(request: Request, record: Record, rest: list[str]) -> Response:
    """What changed between two versions."""
    repository = _repository(request)
    asked = request.query_params
    if not rest:
        left, right = asked.get("left", ""), asked.get("right", "")
        if not (is_version(left) and is_version(right)):
            raise HandleError("Say which two versions to compare: compare?left=1&right=2")
        return RedirectResponse(f"{root_of(request)}{record.module}/{left}/compare/{right}", 302)
    if not is_version(rest[0]):
        raise HandleError(f"{rest[0]!r} is no version. Write a number.")
    other = repository.record(record.module.at(int(rest[0])))
    difference, values = _looks(request).difference(
        (record.digest, lambda: repository.directory(record.name), record.bytes),
        (other.digest, lambda: repository.directory(other.name), other.bytes),
    )
    return render_page(
        request,
        "compare.html",
        left=record.name,
        right=other.name,
        left_url=_url(request, record.name),
        right_url=_url(request, other.name),
        difference=difference,
        values=values,
        limit=MOST_BYTES_COMPARED,
    )


def send_static(request: Request) -> Response:
    """A style sheet, a script or a picture of the pages."""
    name = request.path_params["name"]
    if name == "graph.css":
        return answer_text(request, style(), "text/css; charset=utf-8")
    if name not in _STATIC:
        raise UnknownNameError(f"There is no file {name[:80]!r}.")
    return answer_text(request, read_static(name), _STATIC[name])


def send_icon(request: Request) -> Response:
    """The picture that browsers ask every server for."""
    return answer_text(request, read_static("icon.svg"), _STATIC["icon.svg"])


def _show_newest(request: Request, repository: Repository, path: str) -> Response:
    try:
        name = repository.find(path)
    except UnknownModuleError:
        # All of its versions may be damaged or yanked; the newest has a page that says so.
        name = repository.versions(path)[0].name
    asked = request.query_params.get("version", "")
    if is_version(asked):
        return RedirectResponse(f"{root_of(request)}{name.module}/{asked}", 302)
    return show_version(request, find_record(request, repository, str(name)))


def _assets(repository: Repository, record: Record, description: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not description["assets"]:
        return []
    place = place_at(join_path(repository.directory(record.name), "assets"))
    found = []
    for asset in description["assets"][:40]:
        try:
            lines = page_parts.first_lines(place, asset["name"])
        except (Error, OSError):
            lines = []
        found.append({**asset, "lines": lines})
    return found


def _variables(description: Mapping[str, Any], start: int, count: int) -> dict[str, Any]:
    every = description["variables"]
    bar = page_parts.size_bar(every)
    return {
        "variables": every[start : start + count],
        "totals": description["totals"],
        "bar": bar,
        "bar_words": ", ".join(f"{piece.name} {piece.share}" for piece in bar),
    }


def _give_title(description: dict[str, Any]) -> dict[str, Any]:
    for variant in description["variants"]:
        variant["title"] = page_parts.variant_title(variant["tags"])
    return description


def _facet(facet: str, counts: Mapping[str, int], chosen: list[str]) -> dict[str, Any]:
    words = {name: said for name, _, said in SIZES} if facet == "size" else {}
    order = [name for name, _, _ in SIZES] if facet == "size" else None
    values = [*counts, *(value for value in chosen if value not in counts)]
    if order:
        values.sort(key=lambda value: order.index(value) if value in order else len(order))
    elif facet == "tensorflow":
        values.sort()
    shown = [value for number, value in enumerate(values) if number < _SHOWN_CHOICES or value in chosen]
    choices = [
        {
            "value": value,
            "words": words.get(value) or page_parts.words_of(value),
            "count": counts.get(value, 0),
            "chosen": value in chosen,
        }
        for value in shown
    ]
    # One choice that all have narrows nothing down.
    useful = len(choices) > 1 or chosen
    return {"name": facet, "title": _TITLES[facet], "choices": choices if useful else []}


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 7:
        raise HandleError(f"{name} is a number, not {text[:40]!r}.")
    return int(text)


def _repository(request: Request) -> Repository:
    found: Repository = request.app.state.repository
    return found


def _looks(request: Request) -> Looks:
    state = request.app.state
    if not hasattr(state, "looks"):
        state.looks = Looks()
    found: Looks = state.looks
    return found


def _url(request: Request, name: VersionName | ModuleName) -> str:
    options: ServerOptions = request.app.state.options
    return f"{options.base_of(request.base_url)}/{name}"
