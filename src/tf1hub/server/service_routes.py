"""For those who run a server: is it well, what does it do; and the feed of new versions."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from email.utils import format_datetime
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tf1hub import __version__
from tf1hub.errors import Error
from tf1hub.repository.record import Record
from tf1hub.repository.repository import Repository
from tf1hub.server.answers import AGAIN, JsonAnswer
from tf1hub.server.watching import find_watch

_ENTRIES = 50


def tell_health(request: Request) -> Response:
    """Whether the folder and the index can be read."""
    repository: Repository = request.app.state.repository
    faults = []
    try:
        counts = repository.counts()
        if repository.layout.place.is_local and not os.path.isdir(repository.folder):
            faults.append("The folder is gone.")
    except Error as error:
        counts = {}
        faults.append(str(error))
    document = {"ok": not faults, "faults": faults, "versions": counts, "tf1hub": __version__}
    return JsonAnswer(document, 503 if faults else 200, {"Cache-Control": "no-store"})


def tell_metrics(request: Request) -> Response:
    """The numbers of this process, for Prometheus."""
    repository: Repository = request.app.state.repository
    text = find_watch(request).metrics(repository)
    return PlainTextResponse(
        text, media_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def tell_feed(request: Request) -> Response:
    """The versions that were published last, as RSS 2.0."""
    repository: Repository = request.app.state.repository
    base = request.app.state.options.base_of(request.base_url)
    return Response(
        feed_of(repository.newest(_ENTRIES), base, request.app.state.options.title),
        media_type="application/rss+xml",
        headers={"Cache-Control": AGAIN},
    )


def feed_of(records: list[Record], base: str, title: str) -> str:
    """A feed of versions.

    Args:
        records: the versions, the newest first.
        base: the URL of the hub, without a slash at its end.
        title: what the hub is called.
    """
    items = "".join(
        f"<item><title>{escape(str(record.name))}</title><link>{escape(f'{base}/{record.name}')}</link>"
        f'<guid isPermaLink="false">{escape(record.digest or str(record.name))}</guid>'
        f"<description>{escape(record.summary)}</description>{_date(record)}</item>\n"
        for record in records
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>\n'
        f"<title>{escape(title)}</title><link>{escape(base)}/</link>"
        f"<description>New versions of modules</description>\n{items}</channel></rss>\n"
    )


def _date(record: Record) -> str:
    try:
        when = datetime.fromisoformat(record.published).astimezone(timezone.utc)
    except ValueError:
        return ""
    return f"<pubDate>{format_datetime(when)}</pubDate>"


def routes() -> list[BaseRoute]:
    """The routes for those who run a server."""
    return [
        Route("/health", tell_health, methods=["GET"]),
        Route("/metrics", tell_metrics, methods=["GET"]),
        Route("/feed.xml", tell_feed, methods=["GET"]),
    ]
