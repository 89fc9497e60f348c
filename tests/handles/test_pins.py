"""Pins, first-seen digests, mirrors, remembered redirects and tokens."""

from __future__ import annotations

import os

import pytest
from archives import MODULE, tar, tgz, tree, write
from misbehaving_server import Server, whole

from tf1hub.errors import DownloadError, HandleError, PinError
from tf1hub.handles import cache as caches
from tf1hub.handles import lockfile, manifest, redirects, settings
from tf1hub.handles.api import download, resolve

OTHER = {**MODULE, "assets/tokens.txt": b"changed\n"}


def digest_of(files, tmp_path):
    return manifest.content_digest(
        manifest.of_directory(str(write(tmp_path / f"digest-{len(files)}-{id(files)}", files)))
    )


@pytest.fixture
def digest(tmp_path):
    return digest_of(MODULE, tmp_path)


@pytest.fixture
def other(tmp_path):
    return digest_of(OTHER, tmp_path)


def test_pin_survives_another_compression(server, digest):
    for name, data in (("/a", tgz()), ("/b", tar()), ("/c", tgz(prefix="module/"))):
        url = server.on(name, whole(data))
        assert tree(resolve(f"{url}#{digest}")) == MODULE


def test_wrong_pin_is_refused_before_anything_gets_its_name(server, digest, other, cache):
    url = server.on("/m", whole(tgz()))
    with pytest.raises(PinError) as caught:
        resolve(f"{url}#{other}")
    assert str(caught.value) == (
        f"The content of {url} is not the one that was pinned.\n"
        f"  pinned by the handle: {other}\n"
        f"  found at {url}?tf-hub-format=compressed: {digest}"
    )
    assert caches.entries(str(cache)) == []


def test_pin_holds_for_what_is_cached_and_for_local_directories(server, digest, other, tmp_path):
    url = server.on("/m/1", whole(tgz()))
    directory = resolve(url)
    assert resolve(f"{url}#{digest}") == directory
    with pytest.raises(PinError, match=other):
        resolve(f"{url}#{other}")
    assert len(server.log) == 1
    folder = write(tmp_path / "folder")
    assert resolve(f"{folder}#{digest}") == str(folder)
    with pytest.raises(PinError, match=digest):
        resolve(f"{folder}#{other}")


def test_pinned_entry_of_the_original_is_hashed_once(cache, digest, other):
    handle = "https://tfhub.dev/P/M/1"
    directory = write(cache / caches.key_of(handle))
    assert resolve(f"{handle}#{digest}", offline=True) == str(directory)
    assert (cache / f"{directory.name}.manifest.json").exists()
    with pytest.raises(PinError):
        resolve(f"{handle}#{other}", offline=True)


def test_pin_of_an_unversioned_url_fetches_the_new_content(server, other):
    url = server.on("/m", whole(tgz()))
    resolve(url)
    server.on("/m", whole(tgz(OTHER)))
    assert tree(resolve(f"{url}#{other}")) == OTHER


def test_versioned_url_whose_content_changed_is_refused_with_both_digests(server, digest, other):
    url = server.on("/m/1", whole(tgz()))
    directory = resolve(url)
    server.on("/m/1", whole(tgz(OTHER)))
    with pytest.raises(PinError) as caught:
        download(url, force=True)
    assert str(caught.value) == (
        f"The content of {url} has changed since it was first seen, which behind a versioned URL must "
        f"not happen.\n"
        f"  first seen: {digest}\n"
        f"  found now:  {other}\n"
        f"If you know why, accept it: tf1hub cache rm --forget {url}"
    )
    assert tree(directory) == MODULE


def test_unversioned_url_may_change(server):
    url = server.on("/m", whole(tgz()))
    resolve(url)
    server.on("/m", whole(tgz(OTHER)))
    assert tree(download(url, force=True)) == OTHER


def test_lock_file_pins(server, digest, other, tmp_path):
    url = server.on("/m", whole(tgz()))
    path = tmp_path / "my.lock"
    lockfile.save(str(path), [lockfile.Locked(f"{url}/", other, 5)])
    with pytest.raises(PinError, match=str(path)):
        resolve(url, lock_file=path)
    lockfile.save(str(path), [lockfile.Locked(url, digest, 5)])
    assert tree(resolve(url, lock_file=path)) == MODULE
    assert lockfile.load(str(path)) == (lockfile.Locked(url, digest, 5),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 9\n", "is a lock file of version 9; this tf1hub knows 1."),
        ("version = ", "is not TOML"),
        ("version = 1\n[[module]]\nhandle = 'x'\n", "each [[module]] needs a handle and a digest"),
        ("version = 1\n[[module]]\nhandle = 'x'\ndigest = 'md5:1'\n", "is not 'sha256:' followed by 64"),
    ],
)
def test_damaged_lock_file_is_named(tmp_path, text, words):
    path = tmp_path / "my.lock"
    path.write_text(text)
    with pytest.raises(HandleError) as caught:
        resolve("/", lock_file=path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_host_is_gone_and_a_mirror_has_it(server, cache, monkeypatch):
    server.on("/mirror/P/M/1", whole(tgz()))
    monkeypatch.setenv("TF1HUB_MIRRORS", f"https://tfhub.dev/={server.url('/mirror/')}")
    directory = resolve("https://tfhub.dev/P/M/1")
    assert tree(directory) == MODULE
    assert directory == str(cache / caches.key_of("https://tfhub.dev/P/M/1"))
    assert server.log[0].path == "/mirror/P/M/1?tf-hub-format=compressed"


def test_mirror_that_lacks_it_falls_back_to_the_host(server, monkeypatch):
    url = server.on("/P/M/1", whole(tgz()))
    monkeypatch.setenv("TF1HUB_MIRRORS", f"{server.url('/P')}={server.url('/none')}")
    assert tree(resolve(url)) == MODULE
    assert [log.path.partition("?")[0] for log in server.log] == ["/none/M/1", "/P/M/1"]


@pytest.mark.parametrize("packed", [True, False])
def test_mirror_that_is_a_directory_works_without_network(tmp_path, packed):
    if packed:
        (tmp_path / "mirror/P/M").mkdir(parents=True)
        (tmp_path / "mirror/P/M/1.tar.gz").write_bytes(tgz())
    else:
        write(tmp_path / "mirror/P/M/1")
    (tmp_path / "config.toml").write_text(
        f'offline = true\n[mirrors]\n"https://tfhub.dev/" = "{tmp_path}/mirror/"\n'
    )
    assert tree(resolve("https://tfhub.dev/P/M/1")) == MODULE


def test_mirror_prefix_ends_at_a_segment(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_MIRRORS", f"{server.url('/P')}=/nowhere")
    assert tree(resolve(server.on("/Public/1", whole(tgz())))) == MODULE


def test_all_places_that_failed_are_listed(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_MIRRORS", f"{server.url('/P')}={server.url('/none')}")
    with pytest.raises(DownloadError) as caught:
        resolve(server.url("/P/M/1"))
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{server.url('/P/M/1')} could not be obtained from any of 2 places:"
    assert lines[1].startswith(f"  a mirror: {server.url('/none/M/1')}?tf-hub-format=compressed answered 404")
    assert lines[2].startswith(f"  the handle: {server.url('/P/M/1')}?tf-hub-format=compressed answered 404")


def test_redirect_that_was_followed_is_remembered_and_survives_its_host(server, cache):
    target = server.on("/storage/1.tar.gz", whole(tgz()))
    url = server.on("/P/M/1", lambda request: request.redirect(target, 301))
    resolve(url)
    path = cache / "redirects.toml"
    assert redirects.load(str(cache)) == {url: target}
    path.write_text("# mine\n" + path.read_text())
    server.on("/P/M/1", lambda request: request.answer(b"", 403))
    assert tree(download(url, force=True)) == MODULE
    assert path.read_text().startswith("# mine\n")


def test_a_handle_that_was_redirected_names_the_same_entry(server):
    new = server.on("/new/M/1", whole(tgz()))
    old = server.on("/old/M/1", lambda request: request.redirect(f"{new}?tf-hub-format=compressed", 301))
    directory = resolve(old)
    assert resolve(new) == directory
    assert len(server.log) == 2


def test_users_may_write_redirects_themselves(server, cache):
    target = server.on("/elsewhere/m.tgz", whole(tgz()))
    cache.mkdir()
    (cache / "redirects.toml").write_text(f'"{server.url("/P/M/1")}" = "{target}"\n')
    assert tree(resolve(server.url("/P/M/1"))) == MODULE


def test_signed_places_are_not_written_down(server, cache):
    signed = server.on("/signed", whole(tgz())) + "?X-Goog-Signature=abc"
    step = server.on("/step", lambda request: request.redirect(signed))
    url = server.on("/M/1", lambda request: request.redirect(step))
    assert tree(resolve(url)) == MODULE
    assert redirects.load(str(cache)) == {url: step}


def test_token_of_the_environment_goes_to_its_host(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_TOKEN_127_0_0_1", "hush")
    resolve(server.on("/m", whole(tgz())))
    assert server.log[0].headers["Authorization"] == "Bearer hush"


def test_token_never_follows_a_redirect_to_another_host(server, monkeypatch):
    with Server() as other:
        monkeypatch.setenv(f"TF1HUB_TOKEN_127_0_0_1_{server.port}", "hush")
        target = other.on("/m", whole(tgz()))
        back = server.on("/back", lambda request: request.redirect(target))
        url = server.on("/m", lambda request: request.redirect(back))
        resolve(url)
        assert [log.headers["Authorization"] for log in server.log] == ["Bearer hush", "Bearer hush"]
        assert other.log[0].headers["Authorization"] is None


def test_password_in_the_handle_never_follows_a_redirect_to_another_host(server):
    with Server() as other:
        target = other.on("/m", whole(tgz()))
        url = server.on("/m", lambda request: request.redirect(target)).replace("://", "://me:hush@")
        resolve(url)
        assert server.log[0].headers["Authorization"] == "Basic bWU6aHVzaA=="
        assert other.log[0].headers["Authorization"] is None


def test_tokens_of_the_configuration_file_and_of_netrc(server, tmp_path):
    url = server.on("/m", whole(tgz()))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n")
    (tmp_path / "netrc").chmod(0o600)
    resolve(url)
    assert server.log[0].headers["Authorization"] == "Basic bWU6aHVzaA=="
    (tmp_path / "config.toml").write_text('[tokens]\n"127.0.0.1" = "filed"\n')
    download(url, force=True)
    assert server.log[1].headers["Authorization"] == "Bearer filed"
    assert "filed" not in repr(settings.from_environment())


def test_token_is_in_no_message(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_TOKEN_127_0_0_1", "hush-hush")
    url = server.on("/m", lambda request: request.answer(b"", 403))
    with pytest.raises(DownloadError) as caught:
        resolve(url)
    chain = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(repr(error))
        error = error.__cause__ or error.__context__
    assert "hush-hush" not in " ".join(chain)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TF1HUB_OFFLINE", "maybe", "TF1HUB_OFFLINE='maybe' is neither yes (1) nor no (0)."),
        ("TF1HUB_RETRIES", "-1", "TF1HUB_RETRIES='-1' is not a number of at least 0."),
        ("TF1HUB_READ_TIMEOUT", "soon", "TF1HUB_READ_TIMEOUT='soon' is not a number of at least 0."),
        ("TF1HUB_PROGRESS", "dots", "TF1HUB_PROGRESS='dots' is not one of auto, bar, lines, none."),
        ("TFHUB_MODEL_LOAD_FORMAT", "ZIP", "TFHUB_MODEL_LOAD_FORMAT='ZIP' is not one of COMPRESSED, "
         "UNCOMPRESSED and AUTO."),
        ("TF1HUB_MIRRORS", "https://x/", "TF1HUB_MIRRORS: 'https://x/' is not PREFIX=REPLACEMENT, "
         "such as https://tfhub.dev/=https://mirror.example/."),
    ],
)  # fmt: skip
def test_variables_that_make_no_sense_are_named(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(HandleError) as caught:
        resolve(os.getcwd())
    assert str(caught.value) == message


def test_configuration_file_with_a_wrong_type_is_named(tmp_path):
    (tmp_path / "config.toml").write_text("offline = 'yes'\n")
    with pytest.raises(
        HandleError, match=r"config\.toml: the key 'offline' has the value 'yes', which is of the wrong"
    ):
        resolve(os.getcwd())
