"""What a user does with hubs: push, search, info, and a resolve that checks what the server states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repository.folders import golden
from server.serving import Served, serving

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.errors import (
    AccessError,
    ArchiveError,
    FormatError,
    HandleError,
    PublishError,
    UnknownModuleError,
)
from tf1hub.handles.manifest import of_directory
from tf1hub.repository import hub_client
from tf1hub.repository.access_tokens import AccessTokens
from tf1hub.server import protocol_routes


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as running:
        secret = AccessTokens(running.repository.layout.place, running.repository.state).make(
            "me", ["write:demo"]
        )
        port = running.url.rpartition(":")[2]
        monkeypatch.setenv(f"TF1HUB_TOKEN_127_0_0_1_{port}", secret)
        monkeypatch.setenv("TF1HUB_HUBS", running.url)
        monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
        yield running


def test_a_module_is_pushed_found_and_used(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Half\n\nAdds two to the half.")
    assert main(["push", str(golden()), "demo/half/1", "--to", served.url, "--page", str(page), "-q"]) == 0
    assert main(["push", str(golden()), "demo/half/1", "--to", served.url, "-q"]) == 0
    assert main(["search", "half", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["handle"], one["hub"], one["summary"]) for one in found["modules"]] == [
        ("demo/half/1", served.url, "Adds two to the half.")
    ]
    assert main(["search", "nothing"]) == 1
    assert main(["info", "demo/half"]) == 0
    assert "variant {}: default" in capsys.readouterr().out
    assert main(["open", "demo/half", "--print"]) == 0
    url = capsys.readouterr().out.strip()
    assert url == f"{served.url}/demo/half/1"
    assert of_directory(hub.resolve(url)) == of_directory(str(golden()))
    assert hub.info(url)["description"]["totals"]["parameters"] == 2


def test_a_push_goes_on_where_the_connection_broke(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "_PIECE", 1000)
    monkeypatch.setattr(hub_client, "_MAX_BACKOFF", 0.01)
    sent: list[str] = []
    real = hub_client.Client.send

    def send(self: Any, method: str, url: str, headers: Any, body: bytes | None = None) -> Any:
        if method == "PATCH":
            sent.append(headers["Upload-Offset"])
            if len(sent) == 2:
                # It arrives, and the answer is lost.
                real(self, method, url, headers, body).close()
            if len(sent) in (2, 4):
                raise hub_client.PassingError("the line broke")
        return real(self, method, url, headers, body)

    monkeypatch.setattr(hub_client.Client, "send", send)
    page = "Ümläute. " * 20_000
    record = hub.push(golden("image"), "demo/image/1", to=served.url, page=page)
    assert served.repository.page("demo/image/1") == page
    assert sent[:6] == ["0", "1000", "2000", "3000", "3000", "4000"]
    assert of_directory(str(Path(served.repository.folder) / "demo/image/1")) == of_directory(
        str(golden("image"))
    )
    assert record["digest"] == served.repository.record("demo/image/1").digest


def test_what_a_hub_does_not_take_is_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push(golden(), "demo/half/1", to=served.url)
    with pytest.raises(
        PublishError, match=r"answered 409: demo/half/1 is there already, with the content sha256:"
    ):
        hub.push(golden("image"), "demo/half/1", to=served.url)
    with pytest.raises(
        AccessError, match=r"answered 403: The token 'me' does not allow to write what other has\."
    ):
        hub.push(golden(), "other/half/1", to=served.url)
    with pytest.raises(FormatError):
        hub.push(tmp_path, "demo/half/2", to=served.url)
    with pytest.raises(HandleError, match="does not name a version of a module"):
        hub.push(golden(), "demo/half", to=served.url)
    with pytest.raises(UnknownModuleError, match="No hub has demo/none"):
        hub.info("demo/none/1")
    monkeypatch.delenv(f"TF1HUB_TOKEN_127_0_0_1_{served.url.rpartition(':')[2]}")
    with pytest.raises(AccessError, match=r"answered 401: .* Set TF1HUB_TOKEN_127_0_0_1_"):
        hub.push(golden(), "demo/half/3", to=served.url)
    monkeypatch.delenv("TF1HUB_HUBS")
    with pytest.raises(
        HandleError, match=r"^No hub is named\. Give one, as --hub https://hub\.example, set TF1HUB_HUBS"
    ):
        hub.search("half")


def test_content_that_is_not_what_the_server_states_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push(golden(), "demo/half/1", to=served.url)
    wrong = "sha256:" + hashlib.sha256(b"other").hexdigest()
    monkeypatch.setattr(protocol_routes, "version_headers", lambda _: {"X-TF1Hub-Digest": wrong})
    with pytest.raises(ArchiveError, match=rf"and the host says that it is {wrong}\. Something between here"):
        hub.resolve(f"{served.url}/demo/half/1")


def test_a_yanked_version_warns_who_fetches_it(served: Served) -> None:
    hub.push(golden(), "demo/half/1", to=served.url)
    assert hub.yank("demo/half/1", "Adds three; ü", to=served.url)["status"] == "yanked"
    assert hub.search("half")["modules"] == []
    with pytest.warns(
        UserWarning,
        match=r"demo/half/1\?tf-hub-format=compressed was taken back by its publisher: Adds three; ü$",
    ):
        hub.resolve(f"{served.url}/demo/half/1")


def test_tokens_are_made_and_removed_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "make", str(tmp_path), "ci", "write:demo", "read:*"]) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("tf1hub_")
    assert main(["token", "list", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert "write:demo read:*" in listed
    assert secret not in listed
    assert main(["token", "make", str(tmp_path), "other", "write"]) == 2
    assert main(["token", "rm", str(tmp_path), "ci"]) == 0
    assert main(["token", "rm", str(tmp_path), "ci"]) != 0
