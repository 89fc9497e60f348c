"""What a server does, count_and_send and logged; without secrets."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timezone
from typing import IO, Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tf1hub.repository.repository import Repository
from tf1hub.server.authorization import address_of
from tf1hub.storage import redact

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_MAX_TEXT = 500


class TrafficWatch:
    """Counts requests, and writes the access log.

    Args:
        log: the path of the access log; `-` for standard error, empty for none.
    """

    def __init__(self, log: str) -> None:
        self._turn = threading.Lock()
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[tuple[str, float]] = Counter()
        self._sums: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self.under_way = 0
        self._log: IO[str] | None = (
            sys.stderr if log == "-" else open(log, "a", encoding="utf-8") if log else None  # noqa: SIM115
        )

    def close(self) -> None:
        """Closes the log."""
        if self._log is not None and self._log is not sys.stderr:
            self._log.close()

    def note(self, request: Request, status: int, count: int, seconds: float) -> None:
        """Notes an answer."""
        kind = kind_of(request)
        method = (
            request.method if request.method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE") else "other"
        )
        with self._turn:
            self._answers[kind, method, status] += 1
            self._sums[kind] += seconds  # type: ignore[assignment]  # a Counter of floats
            self._bytes[kind] += count
            for bound in (*_BOUNDS, float("inf")):
                if seconds <= bound:
                    self._seconds[kind, bound] += 1
        if self._log is not None:
            line = {
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "from": address_of(request),
                "method": request.method[:20],
                # As it came, so that nobody writes lines of their own; with what looks secret masked.
                "path": _show(request)[:_MAX_TEXT],
                "status": status,
                "bytes": count,
                "seconds": round(seconds, 4),
                "agent": request.headers.get("User-Agent", "")[:200],
            }
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()

    def metrics(self, repository: Repository) -> str:
        """All numbers, in the text format of Prometheus."""
        with self._turn:
            answers, seconds = dict(self._answers), dict(self._seconds)
            sums, sent = dict(self._sums), dict(self._bytes)
        lines = ["# HELP tf1hub_requests_total Answers.", "# TYPE tf1hub_requests_total counter"]
        lines += [
            f'tf1hub_requests_total{{kind="{kind}",method="{method}",status="{status}"}} {count}'
            for (kind, method, status), count in sorted(answers.items())
        ]
        lines += ["# HELP tf1hub_sent_bytes_total Bytes of bodies.", "# TYPE tf1hub_sent_bytes_total counter"]
        lines += [f'tf1hub_sent_bytes_total{{kind="{kind}"}} {count}' for kind, count in sorted(sent.items())]
        lines += [
            "# HELP tf1hub_request_seconds How long answers took, their bodies too.",
            "# TYPE tf1hub_request_seconds histogram",
        ]
        for kind in sorted(sums):
            for bound in (*_BOUNDS, float("inf")):
                shown = "+Inf" if bound == float("inf") else f"{bound:g}"
                lines.append(
                    f'tf1hub_request_seconds_bucket{{kind="{kind}",le="{shown}"}} {seconds.get((kind, bound), 0)}'
                )
            lines.append(f'tf1hub_request_seconds_sum{{kind="{kind}"}} {sums[kind]:.6f}')
            count = seconds.get((kind, float("inf")), 0)
            lines.append(f'tf1hub_request_seconds_count{{kind="{kind}"}} {count}')
        lines += [
            "# HELP tf1hub_requests_under_way Requests being answered.",
            "# TYPE tf1hub_requests_under_way gauge",
        ]
        lines.append(f"tf1hub_requests_under_way {self.under_way}")
        lines += ["# HELP tf1hub_versions Versions in the repository.", "# TYPE tf1hub_versions gauge"]
        lines += [
            f'tf1hub_versions{{status="{status}"}} {n}' for status, n in sorted(repository.counts().items())
        ]
        return "\n".join(lines) + "\n"


def kind_of(request: Request) -> str:
    """What kind of thing is asked for: few, so that the numbers stay few."""
    path = request.url.path
    if "tf-hub-format" in request.url.query:
        return "archive"
    if path.startswith("/api/"):
        return "api"
    return "static" if path.startswith("/static/") else "page"


def _show(request: Request) -> str:
    path = request.scope.get("raw_path", b"").decode("latin-1")
    query = request.scope.get("query_string", b"").decode("latin-1")
    return redact(f"http://-{path}?{query}")[len("http://-") :] if query else path


class Watching:
    """Tells a `TrafficWatch` of every answer.

    Args:
        app: what answers.
        watch: what is told.
    """

    def __init__(self, app: ASGIApp, watch: TrafficWatch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answered = time.monotonic(), {"status": 500, "bytes": 0}

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                length = dict(message["headers"]).get(b"content-length", b"0")
                answered["bytes"] = 0 if scope["method"] == "HEAD" else int(length)
            await send(message)

        self._watch.under_way += 1
        try:
            await self._app(scope, receive, count_and_send)
        finally:
            self._watch.under_way -= 1
            self._watch.note(Request(scope), answered["status"], answered["bytes"], time.monotonic() - begun)


def find_watch(request: Request) -> TrafficWatch:
    """The watch of a server."""
    found: Any = request.app.state.watch
    return found  # type: ignore[no-any-return]
