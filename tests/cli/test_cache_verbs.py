"""download, resolve, cache, lock, bundle and install: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import time

import pytest
from archives import MODULE, tgz, tree, write
from misbehaving_server import whole

from tf1hub.cli import _exit
from tf1hub.cli.main import main
from tf1hub.handles import cache as caches


@pytest.fixture
def url(server):
    return server.on("/P/M/1", whole(tgz(), '"v1"'))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def run(capsys, *words):
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def run_json(capsys, *words):
    code, out, _ = run(capsys, *words, "--json")
    return code, json.loads(out)


def test_download_prints_the_directory(capsys, url, cache):
    code, out, err = run(capsys, "download", url)
    assert (code, err) == (_exit.OK, "")
    assert out == f"{cache / caches.key_of(url)}\n"
    assert tree(out.strip()) == MODULE


def test_download_quiet_prints_nothing(capsys, url):
    assert run(capsys, "download", "-q", url) == (_exit.OK, "", "")


def test_download_force_asks_again(capsys, url, server):
    run(capsys, "download", url)
    run(capsys, "download", url)
    assert len(server.log) == 1
    assert run(capsys, "download", "--force", url)[0] == _exit.OK
    assert len(server.log) == 2


def test_resolve_json_tells_action_and_reason(capsys, url, cache):
    place = str(cache / caches.key_of(url))
    assert run_json(capsys, "resolve", "--dry-run", url) == (
        _exit.OK,
        [{"handle": url, "path": place, "action": "download", "reason": "not in the cache"}],
    )
    assert not cache.exists()
    assert run(capsys, "resolve", url) == (_exit.OK, f"{place}\n", "")
    code, document = run_json(capsys, "resolve", url)
    assert (code, document[0]["action"], document[0]["reason"]) == (0, "use", f"in the cache {cache}")


def test_resolve_dry_run_says_what_is_damaged(capsys, url, cache):
    run(capsys, "download", url)
    (cache / caches.key_of(url) / "assets" / "tokens.txt").unlink()
    _, out, _ = run(capsys, "resolve", "--dry-run", url)
    assert out == (
        f"repair  {cache / caches.key_of(url)}  (damaged in the cache: assets/tokens.txt is missing)\n"
    )


def test_exit_codes_of_faults(capsys, server, url, tmp_path):
    page = server.on("/page", lambda request: request.answer(b"<html>", content_type="text/html"))
    packed = server.on("/rar", whole(b"Rar!" + bytes(600)))
    assert run(capsys, "resolve", page)[0] == _exit.UNAVAILABLE == 3
    assert run(capsys, "resolve", "--offline", url)[0] == _exit.OFFLINE == 4
    assert run(capsys, "resolve", packed)[0] == _exit.REFUSED_CONTENT == 5
    assert run(capsys, "resolve", f"{url}#sha256:{'0' * 64}")[0] == _exit.REFUSED_CONTENT
    assert run(capsys, "resolve", tmp_path / "nothing")[0] == _exit.NOT_A_MODULE == 6
    assert run(capsys, "resolve", f"{url}#sha256:abc")[0] == _exit.USAGE == 2
    assert run(capsys, "cache", "rm")[0] == _exit.USAGE


def test_errors_are_json_with_json(capsys, url):
    code, document = run_json(capsys, "resolve", "--offline", url)
    assert code == 4
    assert document["error"]["type"] == "OfflineError"
    assert document["error"]["exit_code"] == 4
    assert document["error"]["message"].startswith(f"{url} is not in the cache")


def test_cache_ls_lists_handle_size_and_files(capsys, url):
    run(capsys, "download", url)
    code, out, _ = run(capsys, "cache", "ls")
    head, row, total = out.splitlines()
    assert code == 0
    assert head.split() == ["HANDLE", "SIZE", "FILES", "DOWNLOADED", "KEY"]
    size = sum(map(len, MODULE.values()))
    assert row.split()[:4] == [url, f"{size / 1000:.1f}", "kB", "5"]
    assert total == f"1 modules, {size / 1000:.1f} kB"
    _, document = run_json(capsys, "cache", "ls")
    assert [(one["handle"], one["bytes"], one["files"]) for one in document] == [(url, size, 5)]
    assert document[0]["digest"].startswith("sha256:")


def test_cache_ls_of_no_cache_is_empty(capsys):
    assert run_json(capsys, "cache", "ls") == (0, [])


def test_cache_ls_names_entries_of_the_original_library(capsys, cache):
    key = caches.key_of("https://tfhub.dev/P/M/1")
    write(cache / key)
    (cache / f"{key}.descriptor.txt").write_text(
        "Module: https://tfhub.dev/P/M/1\nDownload Time: 2020-01-01\nDownloader Hostname: h (PID:1)"
    )
    _, document = run_json(capsys, "cache", "ls")
    assert [(one["handle"], one["digest"]) for one in document] == [("https://tfhub.dev/P/M/1", None)]


def test_cache_verify_finds_one_flipped_byte(capsys, url, cache):
    run(capsys, "download", url)
    assert run(capsys, "cache", "verify") == (0, "1 of 1 modules are whole\n", "")
    path = cache / caches.key_of(url) / "variables" / "variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[77] ^= 1
    path.write_bytes(data)
    assert run(capsys, "cache", "verify", "--quick")[0] == _exit.OK
    code, out, _ = run(capsys, "cache", "verify", url)
    assert code == _exit.FOUND_FAULT == 1
    assert out == (
        f"damaged: {url}: variables/variables.data-00000-of-00001 has other content than was downloaded\n"
        "0 of 1 modules are whole\n"
    )
    assert run(capsys, "resolve", "--verify", url)[0] == _exit.OK
    assert run(capsys, "cache", "verify")[0] == _exit.OK


def test_cache_rm_by_handle_by_key_and_all(capsys, server, cache):
    urls = [server.on(f"/{n}", whole(tgz())) for n in "abc"]
    run(capsys, "download", *urls)
    assert run(capsys, "cache", "rm", urls[0])[0] == 0
    assert run(capsys, "cache", "rm", caches.key_of(urls[1]))[0] == 0
    assert [entry.key for entry in caches.entries(str(cache))] == [caches.key_of(urls[2])]
    code, out, _ = run(capsys, "cache", "rm", "--all")
    assert (code, out.startswith("Removed 1 modules")) == (0, True)
    assert [name for name in os.listdir(cache) if name != ".tf1hub"] == []
    code, _, err = run(capsys, "cache", "rm", urls[0])
    assert code == 2
    assert err == f"tf1hub cache: {urls[0]} is not in the cache {cache}. 'tf1hub cache ls' lists what is.\n"


def test_cache_prune_removes_only_what_is_no_use(capsys, server, cache):
    good, bad = (server.on(f"/{n}", whole(tgz())) for n in "ab")
    run(capsys, "download", good, bad)
    (cache / caches.key_of(bad) / "saved_model.pb").unlink()
    old_lock = cache / f"{'0' * 40}.lock"
    old_lock.write_text("host")
    os.utime(old_lock, (time.time() - 2 * 86400,) * 2)
    orphan = cache / f"{'1' * 40}.descriptor.txt"
    orphan.write_text("Module: x")
    left = cache / ".tf1hub" / "tmp" / f"{'2' * 40}.other_host-1-abc"
    write(left)
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    _, document = run_json(capsys, "cache", "prune", "--dry-run")
    assert len(document) == 4
    assert old_lock.exists()
    assert run(capsys, "cache", "prune")[0] == 0
    assert [entry.key for entry in caches.entries(str(cache))] == [caches.key_of(good)]
    assert not old_lock.exists()
    assert not orphan.exists()
    assert not left.exists()
    assert run_json(capsys, "cache", "prune") == (0, [])


def test_cache_prune_older_than(capsys, url, cache):
    run(capsys, "download", url)
    os.utime(cache / caches.key_of(url), (time.time() - 10 * 86400,) * 2)
    assert run_json(capsys, "cache", "prune", "--older-than", "11") == (0, [])
    _, document = run_json(capsys, "cache", "prune", "--older-than", "9")
    assert [one["why"] for one in document] == ["10 days old"]


def test_cache_path(capsys, url, cache, tmp_path):
    assert run(capsys, "cache", "path") == (0, f"{cache}\n", "")
    assert run(capsys, "cache", "path", "--cache-dir", tmp_path / "x") == (0, f"{tmp_path / 'x'}\n", "")
    run(capsys, "download", url)
    assert run(capsys, "cache", "path", url) == (0, f"{cache / caches.key_of(url)}\n", "")


def test_lock_pins_and_check_refuses_other_content(capsys, server, tmp_path):
    content = [tgz()]
    url = server.on("/M", lambda request: request.answer(content[0]))
    assert run(capsys, "lock", url)[0] == 0
    text = (tmp_path / "tf1hub.lock").read_text()
    assert f'handle = "{url}"\ndigest = "sha256:' in text
    content[0] = tgz({**MODULE, "saved_model.pb": b"other"})
    run(capsys, "cache", "rm", "--all")
    # The lock file of the working directory holds without being named.
    code, _, err = run(capsys, "download", url)
    assert code == _exit.REFUSED_CONTENT
    assert str(tmp_path / "tf1hub.lock") in err
    assert run(capsys, "lock", "--check")[0] == _exit.REFUSED_CONTENT
    assert (tmp_path / "tf1hub.lock").read_text() == text
    assert run(capsys, "lock", "--update")[0] == 0
    assert (tmp_path / "tf1hub.lock").read_text() != text
    assert run(capsys, "download", url)[0] == 0
    assert run(capsys, "lock", "--check")[0] == 0


def test_lock_without_anything_says_what_to_name(capsys, tmp_path):
    code, _, err = run(capsys, "lock")
    assert code == 2
    assert err == f"tf1hub lock: {tmp_path / 'tf1hub.lock'} has no modules yet: name the handles to lock.\n"


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_without_network_from_a_bundle(capsys, server, tmp_path, suffix):
    urls = [server.on(f"/{n}/1", whole(tgz({**MODULE, "assets/tokens.txt": n.encode()}))) for n in "ab"]
    bundle = tmp_path / f"modules.{suffix}"
    code, document = run_json(capsys, "bundle", "--output", bundle, *urls)
    assert (code, [one["handle"] for one in document["modules"]]) == (0, urls)
    first = bundle.read_bytes()
    run(capsys, "bundle", "--output", bundle, *urls)
    assert bundle.read_bytes() == first
    other = tmp_path / "other"
    code, out, _ = run(capsys, "install", bundle, "--cache-dir", other)
    assert (code, out.count("installed")) == (0, 2)
    for url, name in zip(urls, "ab", strict=True):
        code, out, _ = run(capsys, "resolve", "--offline", "--cache-dir", other, url)
        assert code == 0
        assert tree(out.strip())["assets/tokens.txt"] == name.encode()
    assert run(capsys, "install", bundle, "--cache-dir", other)[1].count("was there") == 2


def test_install_a_tar_under_its_handle(capsys, tmp_path):
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(tgz())
    handle = "https://tfhub.dev/google/elmo/3"
    assert run(capsys, "install", archive, "--handle", handle)[0] == 0
    code, out, _ = run(capsys, "resolve", "--offline", f"{handle}/")
    assert code == 0
    assert tree(out.strip()) == MODULE
    code, _, err = run(capsys, "install", archive)
    assert code == 5
    assert f"tf1hub install {archive} --handle HANDLE" in err


@pytest.mark.parametrize("more", [[], ["--handle", "https://tfhub.dev/google/elmo/3"]])
def test_install_what_is_not_there(capsys, tmp_path, more):
    code, _, err = run(capsys, "install", tmp_path / "m.tar", *more)
    assert code == 6
    assert err == f"tf1hub install: There is nothing at {tmp_path / 'm.tar'}.\n"


@pytest.mark.parametrize("verb", ["download", "lock", "resolve"])
def test_the_option_wins_over_the_environment(verb, capsys, url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF1HUB_PROGRESS", "bar")
    code, _, err = run(capsys, verb, url, "--progress", "none")
    assert (code, err) == (0, "")
    monkeypatch.setenv("TF1HUB_PROGRESS", "none")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "another"))
    args = ["--update"] if verb == "lock" else []
    code, _, err = run(capsys, verb, url, "--progress", "bar", *args)
    assert code == 0
    assert err.startswith(f"tf1hub: Downloading {url}: ")


def test_download_on_a_terminal_less_stream_prints_lines_when_asked(capsys, url, monkeypatch):
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    code, _, err = run(capsys, "download", url)
    assert code == 0
    assert err.splitlines()[0].startswith(f"tf1hub: Downloading {url}: ")
    assert err.splitlines()[-1].startswith(f"tf1hub: Downloading {url}: done, ")
