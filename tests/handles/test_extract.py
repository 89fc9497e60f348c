"""Unpacking good archives: what arrives is what was packed."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile

import pytest
from archives import MODULE, pieces, tar, tgz, tree

from tf1hub.errors import ArchiveError, CacheError
from tf1hub.handles import compression
from tf1hub.handles.extract import extract
from tf1hub.handles.limits import Limits


def _extract(tmp_path, data, size=1000, **options):
    target = tmp_path / "target"
    target.mkdir()
    return extract(pieces(data, size), str(target), **options), target


@pytest.mark.parametrize("size", [1, 7, 512, 100_000])
@pytest.mark.parametrize("pack", [tar, tgz])
def test_module_arrives_whole_whatever_the_pieces(tmp_path, pack, size):
    records, target = _extract(tmp_path, pack(), size)
    assert tree(target) == MODULE
    assert [(r.name, r.size, r.sha256) for r in records] == [
        (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(MODULE.items())
    ]


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./", "elmo_3/", "./elmo_3/"])
def test_every_tar_dialect_and_a_directory_around_the_module(tmp_path, fmt, prefix):
    _, target = _extract(tmp_path, tar(prefix=prefix, fmt=fmt))
    assert tree(target) == MODULE


@pytest.mark.parametrize("fmt", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_non_ascii_names(tmp_path, fmt):
    files = {**MODULE, f"assets/{'ä' * 100}.txt": b"1", "assets/" + "x" * 200: b"2"}
    _, target = _extract(tmp_path, tar(files, fmt=fmt))
    assert tree(target) == files


def test_pax_size_and_path_override_the_header(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("other")
        member.pax_headers = {"path": "saved_model.pb", "comment": "x" * 600}
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    _, target = _extract(tmp_path, buffer.getvalue())
    assert tree(target) == {"saved_model.pb": b"abc"}


def test_several_gzip_members_and_zero_padding(tmp_path):
    data = tar()
    packed = gzip.compress(data[:3000]) + gzip.compress(data[3000:]) + bytes(700)
    _, target = _extract(tmp_path, packed, 64)
    assert tree(target) == MODULE


def test_host_that_compresses_the_archive_once_more(tmp_path):
    _, target = _extract(tmp_path, gzip.compress(tgz()))
    assert tree(target) == MODULE


def test_without_isal_the_standard_library_unpacks(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "isal", None)
    data = {**MODULE, "assets/zeros": bytes(5_000_000)}
    _, target = _extract(tmp_path, tgz(data), 500)
    assert tree(target) == data


def test_files_and_directories_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        _, target = _extract(tmp_path, tgz())
    finally:
        os.umask(old)
    assert (target / "saved_model.pb").stat().st_mode & 0o777 == 0o640
    assert (target / "variables").stat().st_mode & 0o777 == 0o750


def test_every_truncation_is_an_error_and_says_so(tmp_path):
    for index, (data, end) in enumerate([(tar(), len(tar().rstrip(b"\0"))), (tgz(), len(tgz()))]):
        for at in [*range(0, end, 509), end - 1]:
            target = tmp_path / f"{index}-{at}"
            target.mkdir()
            with pytest.raises(compression.TruncatedArchiveError, match="ends early"):
                extract(pieces(data[:at]), str(target))


def test_flipped_bits_in_compressed_data_never_pass(tmp_path):
    data = tgz()
    for at in range(10, len(data), 97):
        target = tmp_path / str(at)
        target.mkdir()
        broken = bytearray(data)
        broken[at] ^= 0x10
        with pytest.raises(ArchiveError):
            extract(pieces(bytes(broken)), str(target))


def test_full_disk_says_what_to_do(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tf1hub.handles.cache_files.os.write", full)
    with pytest.raises(CacheError) as caught:
        _extract(tmp_path, tgz())
    assert str(caught.value) == (
        f"There is no room left in {tmp_path} (No space left on device). Free some ('tf1hub cache prune'), "
        f"or set TFHUB_CACHE_DIR to a place with more."
    )


@pytest.mark.parametrize("prefix", ["./", "", "module/"])
def test_files_that_publishers_add_pass(tmp_path, prefix):
    added = [
        "smart_module.pb",  # DeepMind
        "policy_specs.pbtxt",  # TF-Agents
        "pipeline.config",  # the Object Detection API
        "params.yaml",  # the Model Garden
        "operative_config-0.gin",
        "labelmap.csv",
        "LICENSE",
        "notes.txt",
        "assets.extra/tf_serving_warmup_requests",
    ]
    files = {**dict.fromkeys(added, b"x"), **MODULE}
    _, target = _extract(tmp_path, tar(files, prefix=prefix))
    assert tree(target) == files


def test_files_of_no_module_pass_when_allowed(tmp_path):
    files = {**MODULE, "notes/today.csv": b"1,2"}
    _, target = _extract(tmp_path, tgz(files), allow_extra_files=True)
    assert tree(target) == files


def test_limits_can_be_raised_and_lowered(tmp_path):
    with pytest.raises(ArchiveError, match="unpacks to more than 5000 bytes"):
        _extract(tmp_path, tgz(), limits=Limits(total_bytes=5000))
