"""The API is what its description says: every route is in it, and a fuzzer of such descriptions finds nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from repository.folders import lay
from server.serving import serving
from starlette.routing import Route

from tf1hub.repository.access_tokens import AccessTokens
from tf1hub.repository.repository import Repository
from tf1hub.server.api_description import describe_api
from tf1hub.server.app import make_app


def test_every_route_is_described(tmp_path: Path) -> None:
    with Repository(tmp_path) as repository:
        routes = {
            (route.path.replace(":path", ""), method)
            for route in make_app(repository).routes
            if isinstance(route, Route)
            and route.path.startswith("/api/")
            and route.path not in ("/api/v1/openapi.json", "/api/{rest:path}")
            for method in route.methods or ()
            if method != "HEAD"
        }
    described = {(path, method.upper()) for path, item in describe_api()["paths"].items() for method in item}
    assert described == routes


def test_a_method_that_an_address_does_not_take_is_told_from_those_that_it_does(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        answer = served.ask("OPTIONS", "/api/v1/modules/demo/half/versions/1")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_a_fuzzer_finds_nothing_that_the_description_does_not_say(tmp_path: Path) -> None:
    lay(tmp_path / "models", "demo/half/1")
    with serving(tmp_path / "models") as served:
        assert json.loads(served.ask("GET", "/api/v1/openapi.json").data) == json.loads(
            json.dumps(describe_api())
        )
        tokens = AccessTokens(served.repository.layout.place, served.repository.state)
        secret = tokens.make("fuzzer", ["admin"])
        command = [
            sys.executable, "-c", "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())",
            "run", f"{served.url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {secret}",
            "--max-examples", "3", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color",
            # That a request has the right form does not make an archive of its bytes.
            "--exclude-checks", "positive_data_acceptance",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-6000:]
