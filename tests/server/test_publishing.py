"""Publishing over HTTP: looked at before it is visible, whole or not at all, and never changed again."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repository.folders import golden
from server.serving import Served, serving

import tf1hub as hub
from tf1hub.handles.manifest import content_digest, of_directory
from tf1hub.repository.access_tokens import AccessTokens
from tf1hub.repository.audit_log import AuditLog
from tf1hub.server import authorization, request_bodies
from tf1hub.server.options import ServerOptions

HALF = "/api/v1/modules/demo/half/versions/1"


class Writer:
    """A client with a token that may write what `demo` has."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.tokens = AccessTokens(served.repository.layout.place, served.repository.state)
        self.headers = {"Authorization": f"Bearer {self.tokens.make('writer', ['write:demo'])}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if isinstance(body, dict):
            body = json.dumps(body)
        answer = self.served.ask(method, path, body=body, headers={**self.headers, **headers})
        document = json.loads(answer.data) if answer.data else {}
        return answer.status, document.get("error", {}).get("message") or document


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = shutil.make_archive(str(tmp_path_factory.mktemp("packed") / "half"), "gztar", golden())
    return Path(path).read_bytes()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with serving(tmp_path, ServerOptions(quota_bytes=100_000)) as served:
        yield Writer(served)


def test_what_is_put_is_there_and_never_changes(writer: Writer, archive: bytes, tmp_path: Path) -> None:
    digest = content_digest(of_directory(str(golden())))
    status, record = writer.ask("PUT", HALF, archive)
    assert status == 201
    assert (record["digest"], record["publisher_token"], record["status"]) == (digest, "writer", "ok")
    assert of_directory(str(tmp_path / "demo/half/1")) == of_directory(str(golden()))
    assert writer.ask("PUT", HALF, archive)[0] == 201  # the same again is no error
    other = shutil.make_archive(str(tmp_path / "image"), "gztar", golden("image"))
    status, message = writer.ask("PUT", HALF, Path(other).read_bytes())
    assert (status, message) == (
        409,
        f"demo/half/1 is there already, with the content {digest}. A published version never changes: publish the next number.",
    )
    path = hub.resolve(f"{writer.served.url}/demo/half/1", cache_dir=tmp_path / "cache")
    assert of_directory(path) == of_directory(str(golden()))
    found = json.loads(writer.served.ask("GET", "/api/v1/modules?q=hal").data)
    assert [module["handle"] for module in found["modules"]] == ["demo/half/1"]


def test_a_digest_that_was_promised_is_held(writer: Writer, archive: bytes) -> None:
    status, message = writer.ask("PUT", f"{HALF}?digest=sha256:{'0' * 64}", archive)
    assert status == 422
    assert message.startswith("The content of demo/half/1 has the digest sha256:")
    assert writer.served.ask("GET", HALF).status == 404


def test_only_tokens_that_may_write_do(writer: Writer, archive: bytes) -> None:
    ask = writer.served.ask
    assert ask("PUT", HALF, body=archive).status == 401
    assert ask("PUT", HALF, body=archive, headers={"Authorization": "Bearer wrong"}).status == 401
    assert ask("PUT", HALF.replace("demo", "other"), body=archive, headers=writer.headers).status == 403
    reader = writer.tokens.make("reader", ["read:*"])
    assert ask("PUT", HALF, body=archive, headers={"Authorization": f"Bearer {reader}"}).status == 403
    basic = {"Authorization": "Basic " + base64.b64encode(f"x:{reader}".encode()).decode()}
    assert ask("PUT", HALF, body=archive, headers=basic).status == 403
    writer.tokens.remove("writer")
    assert writer.ask("PUT", HALF, archive) == (
        401,
        "This token is not known here. It may have been removed.",
    )
    stored = (Path(writer.served.repository.folder) / ".tf1hub" / "tokens.json").read_text()
    assert reader not in stored
    assert hashlib.sha256(reader.encode()).hexdigest() in stored


def test_guessing_tokens_is_slow(writer: Writer, archive: bytes) -> None:
    for number in range(authorization._GUESSES):
        answer = writer.served.ask("PUT", HALF, body=b"", headers={"Authorization": f"Bearer guess{number}"})
        assert answer.status == 401
    answer = writer.served.ask("PUT", HALF, body=archive, headers=writer.headers)
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61


def test_an_upload_goes_on_where_it_was_interrupted(writer: Writer, archive: bytes) -> None:
    begin = {"handle": "demo/half/1", "bytes": len(archive), "sha256": hashlib.sha256(archive).hexdigest()}
    status, upload = writer.ask("POST", "/api/v1/uploads", begin)
    assert (status, upload["offset"]) == (201, 0)
    path = f"/api/v1/uploads/{upload['id']}"
    # The connection ends in the middle of what was announced.
    with socket.create_connection(writer.served.url.removeprefix("http://").split(":")) as line:
        head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nContent-Length: {len(archive)}\r\n"
        line.sendall(
            f"{head}Authorization: {writer.headers['Authorization']}\r\n\r\n".encode() + archive[:600]
        )
    for _ in range(100):
        offset = writer.ask("GET", path)[1]["offset"]
        if offset:
            break
    assert offset <= 600
    assert writer.ask("POST", f"{path}/publish", {})[0] == 409
    wrong = writer.ask("PATCH", path, archive[:10], **{"Upload-Offset": str(offset + 1)})
    assert wrong == (409, f"The upload goes on at byte {offset}, not at {offset + 1}.")
    status, upload = writer.ask("PATCH", path, archive[offset:], **{"Upload-Offset": str(offset)})
    assert (status, upload["offset"]) == (200, len(archive))
    status, record = writer.ask("POST", f"{path}/publish", {"page": "# Half\n\nAs it is."})
    assert (status, record["summary"]) == (201, "As it is.")
    assert writer.ask("GET", path)[0] == 404


def test_an_upload_that_is_not_what_was_announced_is_refused(writer: Writer, archive: bytes) -> None:
    begin = {"handle": "demo/half/1", "bytes": len(archive), "sha256": "0" * 64}
    path = f"/api/v1/uploads/{writer.ask('POST', '/api/v1/uploads', begin)[1]['id']}"
    assert writer.ask("PATCH", path, archive + b"x", **{"Upload-Offset": "0"})[0] == 413
    assert writer.ask("PATCH", path, archive, **{"Upload-Offset": "0"})[0] == 200
    status, message = writer.ask("POST", f"{path}/publish", {})
    assert (status, message.startswith("What came has the SHA-256 ")) == (422, True)
    other = {"Authorization": f"Bearer {writer.tokens.make('other', ['write:demo'])}"}
    assert writer.served.ask("GET", path, headers=other).status == 403
    assert writer.ask("DELETE", path) == (204, {})
    assert writer.ask("GET", path)[0] == 404


def test_a_yanked_version_is_hidden_and_still_works(writer: Writer, archive: bytes) -> None:
    writer.ask("PUT", HALF, archive)
    assert writer.ask("PUT", f"{HALF}/yank", {})[0] == 400
    status, record = writer.ask("PUT", f"{HALF}/yank", {"reason": "Wrong\nnumbers; ütf"})
    assert (status, record["status"], record["reason"]) == (200, "yanked", "Wrong numbers; ütf")
    assert json.loads(writer.served.ask("GET", "/api/v1/modules").data)["total"] == 0
    answer = writer.served.ask("GET", "/demo/half/1?tf-hub-format=compressed")
    assert (answer.status, answer.headers["X-TF1Hub-Yanked"]) == (200, "Wrong numbers; %C3%BCtf")
    assert writer.served.ask("GET", "/demo/half?tf-hub-format=compressed").status == 404
    assert writer.ask("DELETE", f"{HALF}/yank")[1]["status"] == "ok"
    assert json.loads(writer.served.ask("GET", "/api/v1/modules").data)["total"] == 1


def test_aliases_lead_to_versions_and_are_logged(writer: Writer, archive: bytes) -> None:
    writer.ask("PUT", HALF, archive)
    writer.ask("PUT", HALF.replace("versions/1", "versions/2"), archive)
    alias = "/api/v1/modules/demo/half/aliases/prod"
    assert writer.ask("PUT", alias, {"version": 1})[1]["aliases"] == {"latest": 2, "prod": 1}
    answer = writer.served.ask("GET", "/demo/half/prod?tf-hub-format=compressed")
    assert (answer.status, answer.headers["Location"]) == (302, "/demo/half/1?tf-hub-format=compressed")
    assert writer.ask("PUT", alias, {"version": 9})[0] == 404
    assert writer.ask("DELETE", alias)[1]["aliases"] == {"latest": 2}
    log = AuditLog(writer.served.repository.layout.place)
    assert log.verify() == []
    assert [(entry["action"], entry["subject"], entry["by"]) for entry in log.entries(newest=2)] == [
        ("alias", "demo/half/prod", "writer"),
        ("alias", "demo/half/prod", "writer"),
    ]
    assert writer.ask("GET", "/api/v1/audit")[0] == 403
    admin = {"Authorization": f"Bearer {writer.tokens.make('admin', ['admin'])}"}
    entries = json.loads(writer.served.ask("GET", "/api/v1/audit?limit=10", headers=admin).data)["entries"]
    assert [entry["number"] for entry in entries] == [4, 3, 2, 1]
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        assert writer.served.ask(method, "/api/v1/audit", headers=admin).status == 405


def test_the_audit_log_tells_what_was_changed_in_it(writer: Writer, archive: bytes, tmp_path: Path) -> None:
    for version in (1, 2, 3):
        writer.ask("PUT", HALF.replace("versions/1", f"versions/{version}"), archive)
    log = AuditLog(writer.served.repository.layout.place)
    entry = tmp_path / ".tf1hub" / "audit" / "000000002.json"
    before = entry.read_text()
    entry.write_text(before.replace("writer", "nobody"))
    assert log.verify() == ["entry 3 does not follow the one before"]
    entry.unlink()
    assert log.verify() == ["entry 2 is missing"]
    entry.write_text(before)
    assert log.verify() == []


def test_the_quota_of_a_publisher_is_held(writer: Writer, archive: bytes) -> None:
    image = shutil.make_archive(str(Path(writer.served.repository.state) / "image"), "gztar", golden("image"))
    assert writer.ask("PUT", HALF, Path(image).read_bytes())[0] == 201
    second = HALF.replace("versions/1", "versions/2")
    assert writer.ask("PUT", second, archive)[0] == 201
    status, message = writer.ask("PUT", HALF.replace("versions/1", "versions/3"), Path(image).read_bytes())
    assert (status, message.startswith("demo/half/3 has ")) == (413, True)


@pytest.mark.parametrize("name", ["demo/Half", "Demo/half"])
def test_names_that_are_one_where_case_is_ignored_are_refused(
    writer: Writer, archive: bytes, name: str
) -> None:
    writer.ask("PUT", HALF, archive)
    token = writer.tokens.make("all", ["write:*"])
    answer = writer.served.ask(
        "PUT",
        f"/api/v1/modules/{name}/versions/2",
        body=archive,
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status == 409


def test_no_archive_of_the_attack_corpus_gets_in(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "handles")
    corpus = importlib.import_module("attack_corpus").corpus()
    assert len(corpus) > 50
    for number, (name, (make, _)) in enumerate(corpus.items()):
        status, message = writer.ask("PUT", f"/api/v1/modules/demo/attack{number}a/versions/1", make())
        assert status == 422, (name, message)
    assert json.loads(writer.served.ask("GET", "/api/v1/modules").data)["total"] == 0
    folder = Path(writer.served.repository.folder)
    assert [path.name for path in folder.iterdir()] == [".tf1hub"]
    assert list((folder / ".tf1hub" / "staging").iterdir()) == []


def test_what_is_too_large_or_too_slow_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_bodies, "PIECE_SECONDS", 0.3)
    with serving(tmp_path, max_bytes=2_000) as served:
        writer = Writer(served)
        status, message = writer.ask("PUT", HALF, b"x" * 3_000)
        assert (status, message) == (413, "The body has 3000 bytes; at most 2000 are taken.")
        chunked = served.ask("PUT", HALF, body=iter([b"x" * 1500] * 2), headers=writer.headers)
        assert chunked.status == 413
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as line:
            line.settimeout(10)
            head = f"PUT {HALF} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            line.sendall(f"{head}Authorization: {writer.headers['Authorization']}\r\n\r\nslow".encode())
            assert line.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_read_only_server_takes_nothing(tmp_path: Path, archive: bytes) -> None:
    with serving(tmp_path, ServerOptions(read_only=True)) as served:
        writer = Writer(served)
        assert writer.ask("PUT", HALF, archive) == (405, "This server is read-only.")
        assert writer.ask("POST", "/api/v1/uploads", {"handle": "demo/half/1", "bytes": 9})[0] == 405


def test_a_private_server_shows_each_what_may_be_read(tmp_path: Path, archive: bytes) -> None:
    with serving(tmp_path, ServerOptions(private=True)) as served:
        writer = Writer(served)
        assert writer.ask("PUT", HALF, archive)[0] == 201
        upload = {"handle": "demo/half/2", "bytes": len(archive)}
        assert writer.ask("POST", "/api/v1/uploads", upload)[0] == 201
        assert served.ask("POST", "/api/v1/uploads", body=json.dumps(upload)).status == 401
        reader = {"Authorization": f"Bearer {writer.tokens.make('reader', ['read:demo'])}"}
        for path in ("/demo/half/1?tf-hub-format=compressed", HALF):
            assert served.ask("GET", path).status == 401
            assert served.ask("GET", path, headers=reader).status == 200
        assert served.ask("GET", "/api/v1/modules", headers=reader).status == 403
        assert served.ask("GET", HALF.replace("demo", "other"), headers=reader).status == 403


def test_of_many_who_publish_the_same_version_one_does(writer: Writer, tmp_path: Path) -> None:
    archives = [
        Path(shutil.make_archive(str(tmp_path / f"packed-{name}"), "gztar", golden(name))).read_bytes()
        for name in ("half_plus_two", "sparse_io", "nested")
    ]
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda data=data: answers.append(writer.ask("PUT", HALF, data)[0]))
        for data in archives * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 201, 409, 409, 409, 409]
    record = writer.served.repository.record("demo/half/1")
    assert record.digest == content_digest(of_directory(str(tmp_path / "demo/half/1")))
