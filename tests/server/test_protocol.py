"""The hosting protocol, as old programs and this library speak it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository.folders import golden, lay
from server.serving import Served, serving

import tf1hub as hub
from tf1hub.handles.manifest import of_directory
from tf1hub.server.options import ServerOptions

PATH = "/demo/half/1?tf-hub-format=compressed"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    lay(folder, "demo/half/1")
    lay(folder, "demo/deep/er/name/2", "image")
    (folder / "demo" / "broken" / "1").mkdir(parents=True)
    with serving(folder, ServerOptions(storage_url="gs://bucket/models")) as running:
        yield running


def test_the_archive_is_what_programs_expect(served: Served) -> None:
    answer = served.ask("GET", PATH)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/gzip")
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    with tarfile.open(fileobj=io.BytesIO(answer.data), mode="r|*") as archive:
        names = [member.name for member in archive if member.isfile()]
        assert names == [file.name for file in of_directory(str(golden()))]
    assert answer.headers["X-TF1Hub-Digest"] == served.repository.record("demo/half/1").digest


def test_hub_resolve_takes_it(served: Served, tmp_path: Path) -> None:
    path = hub.resolve(f"{served.url}/demo/deep/er/name/2", cache_dir=tmp_path)
    assert of_directory(path) == of_directory(str(golden("image")))


def test_head_tells_without_a_body(served: Served) -> None:
    whole, head = served.ask("GET", PATH), served.ask("HEAD", PATH)
    assert head.status == 200
    assert head.data == b""
    ignored = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in whole.headers.items() if k not in ignored
    }


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("bytes=3-99999999", 3, None),
    ],
)
def test_ranges(served: Served, wanted: str, start: int, end: int | None) -> None:
    whole = served.ask("GET", PATH).data
    part = served.ask("GET", PATH, headers={"Range": wanted})
    assert part.status == 206
    assert part.data == whole[start:end]
    first = start % len(whole)
    assert part.headers["Content-Range"] == f"bytes {first}-{first + len(part.data) - 1}/{len(whole)}"


@pytest.mark.parametrize(
    "wanted", ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-", "bytes=١-٢"]
)
def test_what_is_no_single_range_is_answered_with_the_whole(served: Served, wanted: str) -> None:
    answer = served.ask("GET", PATH, headers={"Range": wanted.encode()})
    assert (answer.status, answer.data) == (200, served.ask("GET", PATH).data)


def test_a_range_behind_the_end_is_refused(served: Served) -> None:
    size = len(served.ask("GET", PATH).data)
    answer = served.ask("GET", PATH, headers={"Range": f"bytes={size}-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_if_range_and_if_none_match(served: Served) -> None:
    etag = served.ask("HEAD", PATH).headers["ETag"]
    assert etag.startswith(f'"{served.repository.record("demo/half/1").digest[7:]}-')
    same = {"Range": "bytes=1-2", "If-Range": etag}
    assert served.ask("GET", PATH, headers=same).status == 206
    for other in ('"other"', f"W/{etag}", "Sat, 29 Oct 1994 19:43:31 GMT"):
        assert served.ask("GET", PATH, headers={**same, "If-Range": other}).status == 200
    for known in (etag, f"W/{etag}", "*", f'"a", {etag}'):
        answer = served.ask("GET", PATH, headers={"If-None-Match": known})
        assert (answer.status, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    assert served.ask("GET", PATH, headers={"If-None-Match": '"a"'}).status == 200


def test_uncompressed_tells_the_place(served: Served) -> None:
    answer = served.ask("GET", "/demo/deep/er/name/2?tf-hub-format=uncompressed")
    assert (answer.status, answer.data) == (303, b"gs://bucket/models/demo/deep/er/name/2")


def test_a_handle_without_a_number_leads_to_the_newest(served: Served) -> None:
    for handle in ("/demo/half", "/demo/half/latest"):
        answer = served.ask("GET", f"{handle}?tf-hub-format=compressed")
        assert (answer.status, answer.headers["Location"]) == (302, PATH)
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/demo/half/9?tf-hub-format=compressed", 404, "There is no demo/half/9 in this repository."),
        (
            "/demo/none?tf-hub-format=compressed",
            404,
            "demo/none has no alias 'latest' in this repository. It has: none.",
        ),
        (
            "/demo/half/1?tf-hub-format=zip",
            400,
            "tf-hub-format is 'compressed' or 'uncompressed', not 'zip'.",
        ),
        (
            "/demo/broken/1?tf-hub-format=compressed",
            409,
            "demo/broken/1 is damaged: demo/broken/1 is not a TF1 Hub module",
        ),
    ],
)
def test_what_cannot_be_had_is_said_in_plain_words(
    served: Served, path: str, status: int, words: str
) -> None:
    answer = served.ask("GET", path)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert answer.data.decode().startswith(words)


def test_the_specification_and_the_manifest_come_without_the_archive(served: Served) -> None:
    described = json.loads(served.ask("GET", "/api/v1/modules/demo/deep/er/name/versions/2").data)
    expected = hub.inspect(str(golden("image"))).to_dict()
    assert described["description"]["variables"] == json.loads(json.dumps(expected["variables"]))
    manifest = json.loads(served.ask("GET", "/api/v1/modules/demo/deep/er/name/versions/2/manifest").data)
    assert manifest["digest"] == described["digest"]
    assert {file["name"] for file in manifest["files"]} == {
        file.name for file in of_directory(str(golden("image")))
    }


def test_every_answer_forbids_foreign_content(served: Served) -> None:
    for path in (PATH, "/nowhere", "/api/v1/modules", "/api/v1/nowhere", "/demo/half/1?tf-hub-format=zip"):
        headers = served.ask("GET", path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/demo/../../etc/1",
        "/demo/%2e%2e/%2e%2e/etc/1",
        "/demo/half/%2e%2e%2f1",
        "/demo\\half/1",
        "/demo/half/1%00",
        "//etc/passwd/1",
        "/.tf1hub/index.sqlite/1",
        "/demo/.tf1hub/1",
    ],
)
def test_no_address_leads_out_of_the_folder(served: Served, path: str) -> None:
    for query in ("?tf-hub-format=compressed", "?tf-hub-format=uncompressed"):
        answer = served.ask("GET", path + query, assert_same_host=False)
        assert answer.status in (400, 404), (path, answer.data)
