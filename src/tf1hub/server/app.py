"""The application: a repository over HTTP. Which file answers what: `protocol_routes`, `api_routes`, `page_routes`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from tf1hub.errors import Error
from tf1hub.repository.repository import Repository
from tf1hub.server import api_routes, page_routes, protocol_routes
from tf1hub.server.answers import SafeHeaders, fault, is_for_programs, plain_fault, status_of
from tf1hub.server.options import ServerOptions
from tf1hub.server.refreshing import Refresher


def make_app(repository: Repository, options: ServerOptions | None = None) -> Starlette:
    """Makes the application.

    Args:
        repository: what is served; closed with the application.
        options: how.
    """
    chosen = options or ServerOptions()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        refresher = Refresher(repository, chosen.refresh_seconds)
        refresher.start()
        yield
        refresher.stop()

    app = Starlette(
        routes=[*api_routes.routes(), *protocol_routes.routes(), *page_routes.routes()],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={Error: _answer_error, HTTPException: _answer_http_error},
        lifespan=lifespan,
    )
    app.state.repository = repository
    app.state.options = chosen
    return app


def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, Error)
    return tell(request, status_of(error), str(error))


def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return tell(request, error.status_code, error.detail, dict(error.headers or {}))


def tell(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """Tells of an error in the way that the client understands."""
    if is_for_programs(request):
        return fault(status, message, headers)
    page = getattr(page_routes, "error_page", None)
    if page is not None:
        found: Response = page(request, status, message)
        found.headers.update(headers or {})
        return found
    return plain_fault(status, message)
