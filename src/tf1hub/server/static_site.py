"""`tf1hub site`: a repository as files that any web server or bucket can serve, the hosting protocol included.

A module's archive lies at the very address of its handle, so that `?tf-hub-format=compressed`, which a server of files does
not look at, leads to it. Its page lies beside, as `VERSION.html`, and the models that visitors' browsers run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import posixpath
import re
import shutil
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.applications import Starlette

from tf1hub.errors import RepositoryError, UnsupportedGraphError
from tf1hub.progress import ProgressOption, shown
from tf1hub.repository.module_names import is_version
from tf1hub.repository.record import Record
from tf1hub.repository.repository import Repository
from tf1hub.server.app import make_app
from tf1hub.server.browser_models import TEXT, BrowserModels
from tf1hub.server.browser_runtime import write_runtime
from tf1hub.server.options import ServerOptions
from tf1hub.server.service_routes import feed_of
from tf1hub.server.trial_routes import offered_trials
from tf1hub.storage.whole import new_directory

_LINK = re.compile(r'(?P<name>\b(?:href|src|data-src|data-model))="(?P<url>/[^"/][^"]*|/)"')
_FORM = re.compile(r"<form\b(?![^>]*\b(?:catalogue|try)\b).*?</form>", re.DOTALL)
_CATALOGUE = re.compile(r"<form (?=[^>]*\bcatalogue\b)(.*?)</form>", re.DOTALL)
_TRIAL = re.compile(r'<form class="try"[^>]* data-model="(?P<model>[^"]*)"[^>]*>.*?</form>', re.DOTALL)
_TO_SERVER = re.compile(r' data-address="[^"]*"')
_RUNTIME = re.compile(r'(?<= data-runtime=")/static/(?P<folder>[^"]*)(?=")')
# What pages say of an address that nobody told.
_NOWHERE = "https://models.example"
_NO_MODEL = "<p>This signature does not run in browsers.</p>"
_ASK = re.compile(r'<div class="ask">.*?</div>', re.DOTALL)
_FACETS = re.compile(r'<div class="facets".*?</details>\s*</div>', re.DOTALL)
_FILTER = (
    '<div class="ask"><input type="search" data-filter aria-label="Narrow down this page" '
    'placeholder="Narrow down this page"></div><script src="{root}static/filter.js" defer></script>'
)
_FILTER_SCRIPT = """"use strict";
for (const field of document.querySelectorAll("[data-filter]")) {
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const card of document.querySelectorAll(".cards > *")) {
      const text = card.textContent.toLowerCase();
      card.hidden = !words.every((word) => text.includes(word));
    }
  });
}
"""


def write_site(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    title: str = "Modules",
    base_url: str = "",
    in_browsers: bool = True,
    progress: ProgressOption = None,
) -> dict[str, Any]:
    """Writes the whole of a repository as static files; what is damaged is left out of the archives.

    Args:
        folder: the repository's folder.
        out: a new directory, or an empty one; it appears whole or not at all.
        title: what the pages call the hub.
        base_url: where it will be served, for snippets and the feed; empty: they say https://models.example.
        in_browsers: whether visitors' browsers can run modules, whose models are written too, where what makes these is
            installed.
        progress: how progress is shown; see `resolve`.

    Returns:
        How many `modules`, `pages` and `bytes` were written.

    Raises:
        ExportError: something is at `out`, or it cannot be written.
        RepositoryError: a page cannot be made.
    """
    with (
        Repository(folder) as repository,
        shown(progress) as say,
        new_directory(os.fspath(out), "index.html") as target,
    ):
        repository.refresh()
        options = ServerOptions(
            title=title, base_url=base_url or _NOWHERE, read_only=True, in_browsers=in_browsers
        )
        writer = _SiteWriter(repository, options, Path(target))
        return writer.write(say)


class _SiteWriter:
    def __init__(self, repository: Repository, options: ServerOptions, target: Path) -> None:
        self._repository = repository
        self._options = options
        self._app = make_app(repository, options)
        self._target = target
        self._pages: dict[str, str] = {}
        self._queue: deque[str] = deque()

    def write(self, say: Any) -> dict[str, Any]:
        records = [record for module in self._modules() for record in self._repository.versions(module)]
        for number, record in enumerate(records):
            say(f"Writing {record.name}", number, len(records), "versions")
            if record.digest:
                path = self._file(str(record.name))
                shutil.copyfile(self._repository.archive(record.name), path)
                api = f"api/v1/modules/{record.module}/versions/{record.version}"
                description = self._repository.description(record.name)
                capabilities = self._repository.capabilities(record.name)
                self._write_json(f"{api}.json", {**record.to_dict(), "description": description})
                self._write_json(f"{api}/manifest.json", self._repository.manifest(record.name))
                self._write_json(f"{api}/capabilities.json", capabilities)
                self._write_models(record, description, capabilities)
        found = self._repository.modules(limit=1_000_000)
        self._write_json("api/v1/modules.json", found.to_dict())
        self._file("feed.xml").write_text(
            feed_of(self._repository.newest(50), self._options.base_of(""), self._options.title),
            encoding="utf-8",
        )
        self._file("static/filter.js").write_text(_FILTER_SCRIPT, encoding="utf-8")
        for url in ("/", *(f"/{publisher}" for publisher in self._repository.publishers())):
            self._ask_for(url)
        for record in records:
            self._ask_for(f"/{record.name}")
        # In a thread of its own, since a notebook's has a loop that runs already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self._write_pages(say)).result()
        size = sum(path.stat().st_size for path in self._target.rglob("*") if path.is_file())
        return {"modules": len(records), "pages": len(self._pages), "bytes": size}

    def _write_models(self, record: Record, description: Any, capabilities: Any) -> None:
        """Writes what browsers run of a version; before its page, which offers no signature that has no model."""
        models = BrowserModels(self._repository.state)
        for trial in offered_trials(self._repository, self._options, record, description, capabilities):
            try:
                path = models.model(self._repository.directory(record.name), record.digest, trial["name"])
            except (UnsupportedGraphError, RepositoryError):
                continue
            target = self._file(
                file_of(f"/{record.name}/model.onnx?{urlencode({'signature': trial['name']})}")
            )
            shutil.copyfile(path, target)
            if os.path.exists(path + TEXT):
                shutil.copyfile(path + TEXT, f"{target}{TEXT}")

    def _modules(self) -> list[str]:
        found = self._repository.layout.versions()
        return sorted({str(located.version.module) for located in found})

    def _file(self, name: str) -> Path:
        path = self._target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _write_json(self, name: str, document: Any) -> None:
        self._file(name).write_text(
            json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )

    def _ask_for(self, url: str) -> str:
        """The name of the file that has what is at an address; it is written later."""
        name = file_of(url)
        kept = address_of_file(url)
        if kept is not None and name not in self._pages:
            self._pages[name] = kept
            self._queue.append(name)
        return name

    async def _write_pages(self, say: Any) -> None:
        done = 0
        while self._queue:
            name = self._queue.popleft()
            status, kind, body, location = await _answer(self._app, self._pages[name])
            if status in (301, 302, 303, 307, 308):
                target = posixpath.relpath(self._ask_for(location), posixpath.dirname(name) or ".")
                body = f'<!doctype html><meta http-equiv="refresh" content="0;url={target}"><a href="{target}">Here</a>'.encode()
            elif status != 200:
                if name == "index.html":
                    raise RepositoryError(
                        f"The page {self._pages[name]} cannot be made: it was answered with {status}."
                    )
                del self._pages[name]
                continue
            elif kind.startswith("text/html"):
                body = self._rewrite(body.decode(), name).encode()
            self._file(name).write_bytes(body)
            done += 1
            say(f"Writing {name}", done, len(self._pages), "pages")

    def _rewrite(self, html: str, name: str) -> str:
        here = posixpath.dirname(name) or "."

        def relative(match: re.Match[str]) -> str:
            url = unescape(match["url"])
            fragment = urlsplit(url).fragment
            target = posixpath.relpath(self._ask_for(url), here)
            return f'{match["name"]}="{target}{"#" + fragment if fragment else ""}"'

        def with_model(match: re.Match[str]) -> str:
            model = self._target / file_of(unescape(match["model"]))
            if not model.exists():
                return _NO_MODEL
            form = _TO_SERVER.sub("", match[0])
            texts = Path(f"{model}{TEXT}")
            if not texts.exists():
                return form
            address = posixpath.relpath(texts.relative_to(self._target).as_posix(), here)
            return form.replace(" data-model=", f' data-texts="{address}" data-model=', 1)

        def with_runtime(match: re.Match[str]) -> str:
            self._ask_for("/static/text.js")  # try.js asks for it, no page does
            folder = f"static/{match['folder']}"
            if not (self._target / folder).exists():
                write_runtime(self._target / folder)
            return posixpath.relpath(folder, here) + "/"

        # What asks a server is left out; the lists and tables say the same.
        html = _FACETS.sub("", _ASK.sub(_FILTER.format(root="/"), _FORM.sub("", html)))
        html = _CATALOGUE.sub(r"<div \1</div>", html).replace(" data-live", "")
        html = _RUNTIME.sub(with_runtime, _TRIAL.sub(with_model, html))
        return _LINK.sub(relative, html)


def file_of(url: str) -> str:
    """The name of the file that has what is at an address.

    >>> file_of("/demo/half/1"), file_of("/demo/half/1?tf-hub-format=compressed"), file_of("/demo/half/1/graph.svg")
    ('demo/half/1.html', 'demo/half/1', 'demo/half/1.graph.svg')
    >>> file_of("/"), file_of("/?start=24"), file_of("/demo"), file_of("/static/site.css")
    ('index.html', 'index-24.html', 'demo/index.html', 'static/site.css')
    >>> file_of("/demo/half/1/model.onnx?signature=default")
    'demo/half/1.37a8eec1ce19687d.onnx'
    """
    parts = urlsplit(url)
    path, query = parts.path.strip("/"), parse_qs(parts.query)
    start = "".join(f"-{number}" for number in query.get("start", ()) if number.isdigit())
    if path.startswith("api/"):
        return f"{path}.json"
    if path.startswith("static/") or path in ("feed.xml", "favicon.ico"):
        return path
    names = path.split("/") if path else []
    number = next((place for place, part in enumerate(names) if place >= 2 and is_version(part)), None)
    if number is None:
        return "/".join([*names, f"index{start}.html"])
    version, rest = "/".join(names[: number + 1]), ".".join(names[number + 1 :])
    if "tf-hub-format" in query and not rest:
        return version
    if rest.endswith(".svg"):
        return f"{version}.{rest}"
    if rest == "model.onnx":
        # Any text is the name of a signature, and not any text that of a file.
        signature = query.get("signature", [""])[0]
        return f"{version}.{hashlib.sha256(signature.encode()).hexdigest()[:16]}.onnx"
    return f"{version}.{rest}{start}.html" if rest else f"{version}.html"


def address_of_file(url: str) -> str | None:
    """The address to ask the application for the file of an address; None for what is written in another way."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if (
        "tf-hub-format" in query
        or parts.path.startswith("/api/")
        or parts.path.endswith("/model.onnx")
        or parts.path in ("/feed.xml", "/static/filter.js")
    ):
        return None
    start = next((number for number in query.get("start", ()) if number.isdigit()), "")
    # Choices and searches have no files of their own: they lead to the page without them.
    return parts.path + (f"?start={start}" if start else "")


async def _answer(app: Starlette, url: str) -> tuple[int, str, bytes, str]:
    """Asks the application without a network: status, type, body, and where a redirect leads."""
    parts = urlsplit(url)
    status, headers, body = 500, {}, bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], dict(message["headers"])
        else:
            body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    return (
        status,
        headers.get(b"content-type", b"").decode(),
        bytes(body),
        headers.get(b"location", b"").decode(),
    )
