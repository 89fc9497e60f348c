"""Spellings: those that are known to be the same name one entry, and no others do."""

from __future__ import annotations

import os

import pytest

from tf1hub.errors import ArgumentError, HandleError
from tf1hub.handles import cache as caches
from tf1hub.handles.handle import Kind, parse
from tf1hub.storage import has_secrets, redact

DIGEST = "sha256:" + "0123456789abcdef" * 4
KAGGLE = "https://www.kaggle.com/models/google/elmo/tensorFlow1/default/3"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://tfhub.dev/google/elmo/3",
        "https://tfhub.dev/google/elmo/3/",
        "https://tfhub.dev/google/elmo/3?tf-hub-format=compressed",
        "https://tfhub.dev/google/elmo/3/?tf-hub-format=uncompressed",
        "https://tfhub.dev:443/google/elmo/3",
        "HTTPS://TFHub.dev/google/elmo/3",
        "http://tfhub.dev/google/elmo/3",
        "https://tfhub.dev/google/elmo/3#page",
    ],
)
def test_spellings_of_tfhub_dev_are_one_module(spelling):
    handle = parse(spelling)
    assert handle.canonical == "https://tfhub.dev/google/elmo/3"
    assert handle.kind is Kind.HTTP
    assert handle.is_versioned


@pytest.mark.parametrize(
    "spelling",
    [
        KAGGLE,
        "https://kaggle.com/models/google/elmo/tensorFlow1/default/3",
        "https://www.kaggle.com/models/Google/ELMo/TensorFlow1/Default/3/",
        "https://www.kaggle.com/models/google/elmo/frameworks/tensorFlow1/variations/default/versions/3",
        "https://kaggle.com/models/google/elmo/frameworks/TENSORFLOW1/variations/default/versions/3?x=y",
        "google/elmo/tensorFlow1/default/3",
        "google/elmo/TensorFlow1/default/3",
    ],
)
def test_spellings_of_kaggle_are_one_module(spelling):
    assert parse(spelling).canonical == KAGGLE


def test_no_mapping_between_namespaces_is_guessed():
    keys = {caches.key_of(parse(one).canonical) for one in (KAGGLE, "https://tfhub.dev/google/elmo/3")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://tfhub.dev/google/elmo/3", "https://tfhub.dev/google/elmo/2"),
        ("https://tfhub.dev/google/elmo/3", "https://tfhub.dev/Google/elmo/3"),
        ("https://host/m/1", "http://host/m/1"),
        ("https://host/m/1", "https://host:8443/m/1"),
        ("https://host/m?a=1", "https://host/m?a=2"),
        ("google/elmo/tensorFlow1/default/3", "google/elmo/tensorFlow2/default/3"),
        ("google/elmo/tensorFlow1/default", "google/elmo/tensorFlow1/default/3"),
    ],
)
def test_different_modules_stay_different(one, other):
    assert parse(one).canonical != parse(other).canonical


def test_a_local_directory_wins_over_a_kaggle_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("google/elmo/tensorFlow1/default/3")
    handle = parse("google/elmo/tensorFlow1/default/3")
    assert handle.kind is Kind.DIRECTORY
    assert handle.location == str(tmp_path / "google/elmo/tensorFlow1/default/3")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("/data/module", Kind.DIRECTORY),
        ("/data/module.tar", Kind.ARCHIVE),
        ("/data/module.TAR.GZ", Kind.ARCHIVE),
        ("/data/module.tgz", Kind.ARCHIVE),
        ("file:///data/my%20module", Kind.DIRECTORY),
        ("gs://bucket/module", Kind.REMOTE_DIRECTORY),
        ("s3://bucket/module.tar.gz", Kind.REMOTE_ARCHIVE),
        ("hf://owner/model", Kind.REMOTE_DIRECTORY),
        ("memory://m/", Kind.REMOTE_DIRECTORY),
    ],
)
def test_kinds(given, kind):
    assert parse(given).kind is kind


def test_file_url_is_decoded():
    assert parse("file:///data/my%20module").location == "/data/my module"


def test_a_directory_named_like_an_archive_is_a_directory(tmp_path):
    (tmp_path / "m.tar").mkdir()
    assert parse(tmp_path / "m.tar").kind is Kind.DIRECTORY


@pytest.mark.parametrize(
    "place", ["https://host/m/1", "/data/module", "gs://bucket/m", "google/elmo/tensorFlow1/d/1"]
)
def test_pin_is_split_off(place):
    pinned, plain = parse(f"{place}#{DIGEST.upper().replace('SHA', 'sha')}"), parse(place)
    assert pinned.pin == DIGEST
    assert (pinned.canonical, pinned.location) == (plain.canonical, plain.location)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "The handle is empty. Give a path, a URL, or a place in remote storage."),
        ("a\0b", "The handle 'a\\x00b' holds a NUL character."),
        ("https://", "The handle 'https://' names no host."),
        ("https://host:port/m", "The handle 'https://host:port/m' is not a URL: Port could not be cast to "
         "integer value as 'port'."),
        ("file://other/m", "'file://other/m' names the host 'other'. Write file:///PATH instead."),
        ("gs://", "The handle 'gs://' names no place after gs://."),
        ("/m#sha256:12", "The pin of the handle '/m#sha256:12': 'sha256:12' is not 'sha256:' followed by 64 "
         "hexadecimal digits."),
    ],
)  # fmt: skip
def test_what_cannot_name_a_module_is_refused(given, message):
    with pytest.raises(HandleError) as caught:
        parse(given)
    assert str(caught.value) == message


def test_bytes_are_no_handle():
    with pytest.raises(ArgumentError, match=r"a handle \(a string\) or a ModuleSpec, not by b'/data'\."):
        parse(b"/data")


def test_secrets_are_masked_wherever_a_handle_is_shown():
    handle = parse("https://me:hush@host/m?X-Goog-Signature=hush&a=b&access_token=hush")
    assert "hush" not in handle.shown
    assert redact(handle.location) == "https://host/m?X-Goog-Signature=***&a=b&access_token=***"
    assert has_secrets("https://host/m?Signature=1")
    assert not has_secrets("https://host/m?a=b")


def test_cache_keys_are_those_of_the_original_library():
    # What the original made of these spellings, observed.
    assert caches.key_of("http://127.0.0.1:8765/P/M/1") == "cf7a1c70a6847b52767ebf26e4bd1b52fe2c6fec"
    assert caches.key_of("http://127.0.0.1:8765/P/M/1/") == "b5436c4044aff4e894efb6fa46d254c30626f15a"
    assert (
        caches.key_of("http://127.0.0.1:8765/P/M/1?tf-hub-format=compressed")
        == "b1a052302d44d67e8ba6b4d7248c4558aa353ffd"
    )
    keys = caches.keys_of(parse("http://127.0.0.1:8765/P/M/1"))
    assert keys[0] == "cf7a1c70a6847b52767ebf26e4bd1b52fe2c6fec"
    assert {"b5436c4044aff4e894efb6fa46d254c30626f15a", "b1a052302d44d67e8ba6b4d7248c4558aa353ffd"} <= set(
        keys
    )
