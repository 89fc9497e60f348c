"""Archives of every kind that people have, told by their bytes and not by their names."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import shutil
import subprocess
import zipfile

import pytest
from archives import MODULE, entries, info, pieces, tar, tgz, tree, write
from misbehaving_server import whole

from tf1hub.errors import ArchiveError, DownloadError, MissingDependencyError
from tf1hub.handles import compression
from tf1hub.handles.api import resolve
from tf1hub.handles.extract import extract
from tf1hub.handles.handle import Kind, parse

APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
HAS_ZSTD = any(importlib.util.find_spec(name) for name in ("compression", "backports"))


def zipped(files=MODULE, prefix="", method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return buffer.getvalue()


def zstd(data):
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


KINDS = {
    "tar": tar,
    "gz": tgz,
    "bz2": lambda: bz2.compress(tar()),
    "bz2 in parts": lambda: bz2.compress(tar()[:3000]) + bz2.compress(tar()[3000:]) + bytes(512),
    "xz": lambda: lzma.compress(tar()),
    "xz, checked by CRC32": lambda: lzma.compress(tar(), check=lzma.CHECK_CRC32),
    "xz in gz": lambda: gzip.compress(lzma.compress(tar())),
    "zip": zipped,
    "zip, stored": lambda: zipped(method=zipfile.ZIP_STORED),
    "zip, with a directory around": lambda: zipped(prefix="elmo_3/"),
}


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_arrives_whole_whatever_the_pieces(tmp_path, kind, size):
    extract(pieces(KINDS[kind](), size), str(tmp_path))
    assert tree(tmp_path) == MODULE


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (["tar", "-cJf"], "m.tar.xz"),
        (["tar", "-cjf"], "m.tar.bz2"),
        (["tar", "--zstd", "-cf"], "m.tar.zst"),
        (["zip", "-qr"], "m.zip"),
        (["zip", "-qr", "-fz"], "m64.zip"),
    ],
)
def test_what_the_common_tools_pack_is_a_handle(tmp_path, tool, name):
    if shutil.which(tool[0]) is None or ("zst" in name and not (HAS_ZSTD and shutil.which("zstd"))):
        pytest.skip(f"needs {tool[0]} and what reads {name}")
    write(tmp_path / "elmo")
    subprocess.run([*tool, name, "elmo"], cwd=tmp_path, check=True)
    assert tree(resolve(tmp_path / name)) == MODULE


@pytest.mark.parametrize("kind", ["tar", "gz", "bz2", "xz", "zip"])
def test_content_tells_an_archive_and_not_its_name(tmp_path, kind):
    path = tmp_path / "downloaded.bin"
    path.write_bytes(KINDS[kind]())
    assert parse(path).kind is Kind.ARCHIVE
    assert tree(resolve(path)) == MODULE


def test_an_archive_by_the_wrong_name_is_unpacked(tmp_path):
    path = tmp_path / "m.tar.gz"
    path.write_bytes(zipped())
    assert tree(resolve(path)) == MODULE


@pytest.mark.parametrize("kind", ["bz2", "xz", "zip"])
def test_a_host_may_send_each_kind(server, kind):
    assert tree(resolve(server.on("/m/1", whole(KINDS[kind]())))) == MODULE


def test_remote_file_is_an_archive_whatever_its_name():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/kinds/elmo", lzma.compress(tar()))
    memory.pipe("/kinds/elmo.zip", zipped())
    assert tree(resolve("memory://kinds/elmo")) == MODULE
    assert tree(resolve("memory://kinds/elmo.zip")) == MODULE


@pytest.mark.skipif(HAS_ZSTD, reason="this Python reads zstd")
def test_zstd_without_what_reads_it_says_what_to_install(tmp_path):
    (tmp_path / "m.tar.zst").write_bytes(b"(\xb5/\xfd" + bytes(100))
    with pytest.raises(MissingDependencyError) as caught:
        resolve(tmp_path / "m.tar.zst")
    assert str(caught.value) == (
        "This archive is compressed with zstd, which this Python cannot read: pip install 'tf1hub[zstd]'"
    )


@pytest.mark.skipif(not (HAS_ZSTD and shutil.which("zstd")), reason="needs zstd, and what reads it")
def test_zstd_damage_and_cuts_are_noticed(tmp_path):
    data = zstd(tar())
    for number, broken in enumerate([data[:-3], data[: len(data) // 2], data + b"evil"]):
        target = tmp_path / str(number)
        target.mkdir()
        with pytest.raises(ArchiveError, match=r"ends early|after the end"):
            extract(pieces(broken), str(target))


def test_a_member_that_comes_twice_with_the_same_bytes_passes(tmp_path):
    members = [
        info("m/", kind=b"5"),
        info("m/saved_model.pb", b"graph"),
        info("m/assets", kind=b"5"),
        info("m/assets/x", b"1"),
    ]
    records = extract(pieces(entries(*members, *members)), str(tmp_path))
    assert tree(tmp_path) == {"saved_model.pb": b"graph", "assets/x": b"1"}
    assert [record.name for record in records] == ["assets/x", "saved_model.pb"]


@pytest.mark.parametrize("pack", [tar, zipped])
def test_what_macos_adds_is_left_out(tmp_path, pack):
    files = {"._elmo": APPLE_DOUBLE, "elmo/._saved_model.pb": APPLE_DOUBLE, "elmo/.DS_Store": b"\0\0\0\1Bud1"}
    files |= {f"elmo/{name}": data for name, data in MODULE.items()}
    files |= {
        "elmo/variables/._variables.index": APPLE_DOUBLE,
        "__MACOSX/._elmo": APPLE_DOUBLE,
        "__MACOSX/elmo/._saved_model.pb": APPLE_DOUBLE,
    }
    if pack is tar:
        files = {name: data for name, data in files.items() if not name.startswith("__MACOSX")}
    extract(pieces(pack(files, prefix="")), str(tmp_path))
    assert tree(tmp_path) == MODULE


def test_an_asset_that_is_only_called_so_stays(tmp_path):
    files = {**MODULE, "assets/._vocab": b"a\nb\n"}
    extract(pieces(tar(files)), str(tmp_path))
    assert tree(tmp_path) == files


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b"hello world",
            f"answered with text where {compression.KINDS} ",
        ),
        (
            gzip.compress(b"hello world"),
            "This is not an archive: it has 11 bytes, which begin with 'hello world'.",
        ),
        (b"", "answered with nothing, where a tar"),
    ],
    ids=["text", "text in gzip", "nothing"],
)
def test_what_is_no_archive_is_no_fault_of_the_network(server, no_backoff, data, words):
    url = server.on("/m.tar.gz", whole(data, content_type="application/octet-stream"))
    with pytest.raises((ArchiveError, DownloadError)) as caught:
        resolve(url)
    assert words in str(caught.value)
    assert len(server.asked()) == 1
    assert no_backoff == []


def test_eleven_bytes_of_text_called_tar_gz(tmp_path):
    (tmp_path / "m.tar.gz").write_bytes(b"hello world")
    with pytest.raises(ArchiveError) as caught:
        resolve(tmp_path / "m.tar.gz")
    assert str(caught.value) == (
        "This is not an archive: it has 11 bytes, which begin with 'hello world'. A module is packed as a tar "
        "(also .tar.gz, .tar.bz2, .tar.xz, .tar.zst) or a zip."
    )


@pytest.mark.skipif(not (HAS_ZSTD and shutil.which("zstd")), reason="needs zstd, and what reads it")
def test_zstd_that_asks_for_much_memory_is_refused(tmp_path):
    command = ["zstd", "-c", "--ultra", "--long=30"]
    data = subprocess.run(command, input=tar(), capture_output=True, check=True).stdout
    with pytest.raises(ArchiveError, match=r"compressed data is damaged: .*memory"):
        extract(pieces(data), str(tmp_path))
