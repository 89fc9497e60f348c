"""Tells of errors in the way that the client understands."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tf1hub.server.answers import fault, is_for_programs
from tf1hub.server.page_answers import error_page


def tell(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The answer for an error: JSON for programs, a page for people."""
    if is_for_programs(request):
        return fault(status, message, headers)
    found = error_page(request, status, message)
    found.headers.update(headers or {})
    return found
