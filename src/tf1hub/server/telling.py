"""Tells of errors in the way that the client understands."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tf1hub.server import page_routes
from tf1hub.server.answers import fault, is_for_programs, plain_fault


def tell(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The answer for an error: JSON for programs, a page for people."""
    if is_for_programs(request):
        return fault(status, message, headers)
    page = getattr(page_routes, "error_page", None)
    found: Response = page(request, status, message) if page is not None else plain_fault(status, message)
    found.headers.update(headers or {})
    return found
