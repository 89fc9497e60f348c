"""The application: a repository over HTTP. Which file answers what: `protocol_routes`, `api_routes`, `page_routes`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tf1hub.errors import Error
from tf1hub.repository.access_tokens import AccessTokens
from tf1hub.repository.copying import Copying
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.repository import Repository
from tf1hub.repository.uploads import Uploads
from tf1hub.server import (
    api_description,
    api_routes,
    page_routes,
    protocol_routes,
    publishing_routes,
    service_routes,
)
from tf1hub.server.answers import SafeHeaders, status_of
from tf1hub.server.authorization import Guesses, PrivateReading
from tf1hub.server.kept_pages import KeptPages
from tf1hub.server.options import ServerOptions
from tf1hub.server.refreshing import Refresher
from tf1hub.server.telling import tell
from tf1hub.server.watching import TrafficWatch, Watching

_METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")


def make_app(repository: Repository, options: ServerOptions | None = None) -> Starlette:
    """Makes the application.

    Args:
        repository: what is served; closed with the application.
        options: how.
    """
    chosen = options or ServerOptions()
    watch = TrafficWatch(chosen.access_log)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        refresher = Refresher(repository, chosen.refresh_seconds)
        refresher.start()
        yield
        refresher.stop()
        watch.close()

    app = Starlette(
        routes=[
            *service_routes.routes(),
            *api_description.routes(),
            *publishing_routes.routes(),
            *api_routes.routes(),
            Route("/api/{rest:path}", _refuse_rest, methods=_METHODS),
            *protocol_routes.routes(),
            *page_routes.routes(),
        ],
        middleware=[
            Middleware(Watching, watch),
            Middleware(SafeHeaders),
            *([Middleware(PrivateReading)] if chosen.private else []),
            # Inside of what asks for a token: pages are kept for those who may read them.
            Middleware(KeptPages, seconds=chosen.keep_seconds),
        ],
        exception_handlers={Error: _answer_error, HTTPException: _answer_http_error},
        lifespan=lifespan,
    )
    app.state.repository = repository
    app.state.options = chosen
    app.state.publishing = Publishing(repository, chosen.quota_bytes)
    app.state.uploads = Uploads(repository.state, repository.max_bytes)
    app.state.tokens = AccessTokens(repository.layout.place, repository.state)
    app.state.guesses = Guesses()
    app.state.watch = watch
    if chosen.upstreams:
        app.state.fetch = Copying(repository, chosen.upstreams, chosen.quota_bytes).fetch
    return app


def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, Error)
    return tell(request, status_of(error), _without_paths(request, str(error)))


def _without_paths(request: Request, message: str) -> str:
    """A message that does not tell where on this machine the folder lies."""
    repository: Repository = request.app.state.repository
    for path in (repository.state, repository.folder):
        message = message.replace(f"{path}/", "").replace(path, "the folder")
    return message


def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _find_methods(request)):
        headers["Allow"] = ", ".join(sorted(allowed))
    return tell(request, error.status_code, error.detail, headers)


def _refuse_rest(request: Request) -> Response:
    """What of the API is no address, or not with this method; it is never a page."""
    raise HTTPException(405 if _find_methods(request) else 404)


def _find_methods(request: Request) -> set[str]:
    """The methods that an address takes: several routes may have it."""
    path = request.url.path
    return {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.endpoint is not _refuse_rest and route.path_regex.match(path)
        if route.path.startswith("/api/") or not path.startswith("/api/")
        for method in route.methods or ()
    }
