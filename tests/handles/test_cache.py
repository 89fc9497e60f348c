"""What users of the original ran into with its cache, and what they get here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from archives import MODULE, tgz, tree, write
from misbehaving_server import whole

from tf1hub.errors import CacheError, NotAModuleError, OfflineError
from tf1hub.handles import cache as caches
from tf1hub.handles import settings
from tf1hub.handles.api import decide, download, resolve
from tf1hub.handles.handle import parse
from tf1hub.handles.plan import Action

MANY = {
    **MODULE,
    "variables/variables.data-00000-of-00002": b"0",
    "variables/variables.data-00001-of-00002": b"1",
}
del MANY["variables/variables.data-00000-of-00001"]


@pytest.fixture
def url(server):
    return server.on("/P/M/1", whole(tgz(MANY), '"v1"'))


def by_original(cache, handle, files=MODULE):
    """An entry as the original library leaves it."""
    directory = write(cache / caches.key_of(handle), files)
    (cache / f"{directory.name}.descriptor.txt").write_text(f"Module: {handle}\nDownload Time: 2020\n")
    return directory


@pytest.mark.parametrize("lost", sorted(MANY))
def test_contains_neither_saved_model_pb_because_a_temp_cleaner_ate_half_the_cache(url, server, lost):
    directory = resolve(url)
    os.unlink(f"{directory}/{lost}")
    assert (
        decide(parse(url), settings.from_environment()).reason == f"damaged in the cache: {lost} is missing"
    )
    assert tree(resolve(url)) == MANY
    assert len(server.log) == 2


def test_cleaner_that_left_only_empty_directories(url):
    directory = resolve(url)
    for root, _, names in os.walk(directory):
        for name in names:
            os.unlink(os.path.join(root, name))
    assert tree(resolve(url)) == MANY


@pytest.mark.parametrize("suffix", ["", ".manifest.json", ".descriptor.txt"])
def test_cleaner_that_ate_a_whole_part_of_the_entry(url, suffix):
    directory = resolve(url)
    if suffix:
        os.unlink(directory + suffix)
    else:
        shutil.rmtree(directory)
    assert tree(resolve(url)) == MANY


def test_truncated_file_is_repaired(url):
    directory = resolve(url)
    os.truncate(f"{directory}/saved_model.pb", 3)
    assert tree(resolve(url)) == MANY


def test_damaged_manifest_is_repaired(url):
    directory = resolve(url)
    with open(f"{directory}.manifest.json", "w") as file:
        file.write('{"version": 1, "fi')
    assert decide(parse(url), settings.from_environment()).action is Action.REPAIR
    assert tree(resolve(url)) == MANY


def test_one_flipped_bit_is_found_by_verify_and_repaired(url):
    directory = resolve(url)
    path = f"{directory}/variables/variables.data-00000-of-00002"
    with open(path, "wb") as file:
        file.write(b"x")
    assert tree(resolve(url)) != MANY
    assert tree(resolve(url, verify=True)) == MANY


def test_damage_without_network_says_what_is_missing(url):
    directory = resolve(url)
    os.unlink(f"{directory}/assets/tokens.txt")
    with pytest.raises(OfflineError) as caught:
        resolve(url, offline=True)
    assert str(caught.value) == (
        f"{url} is damaged in the cache: assets/tokens.txt is missing, and may not be downloaded because "
        f"TF1HUB_OFFLINE is set. On a machine with network run 'tf1hub bundle --output modules.tar "
        f"{url}', then "
        f"here 'tf1hub install modules.tar'."
    )


def test_a_repair_that_fails_keeps_what_is_there_and_says_both(url, server):
    directory = resolve(url)
    os.unlink(f"{directory}/assets/tokens.txt")
    server.on("/P/M/1", lambda request: request.answer(b"", 403))
    with pytest.raises(OSError, match=r"403 Forbidden.*\nThe entry in the cache is damaged") as caught:
        resolve(url)
    assert "assets/tokens.txt is missing" in str(caught.value)
    assert os.path.exists(f"{directory}/saved_model.pb")


def test_offline_uses_what_is_cached_and_asks_nobody(url, server, monkeypatch):
    directory = resolve(url)
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    assert resolve(url) == directory
    other = server.url("/other/1")
    with pytest.raises(OfflineError) as caught:
        resolve(other)
    assert str(caught.value).startswith(
        f"{other} is not in the cache {os.environ['TFHUB_CACHE_DIR']}, and may not"
    )
    assert len(server.log) == 1


@pytest.mark.parametrize("written", ["", "/", "?tf-hub-format=compressed", "/?tf-hub-format=compressed"])
@pytest.mark.parametrize("asked", ["", "/", "?tf-hub-format=compressed"])
def test_caches_filled_by_the_original_are_used_as_they_are(cache, monkeypatch, written, asked):
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    handle = "https://tfhub.dev/P/M/1"
    directory = by_original(cache, handle + written)
    before = sorted(os.listdir(cache))
    assert resolve(handle + asked) == str(directory)
    assert sorted(os.listdir(cache)) == before


@pytest.mark.parametrize(
    "lost", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00001-of-00002"]
)
def test_half_an_entry_of_the_original_is_repaired_in_its_place(server, cache, lost):
    url = server.on("/P/M/1", whole(tgz(MANY)))
    directory = by_original(cache, f"{url}/", MANY)
    os.unlink(directory / lost)
    assert resolve(url) == str(directory)
    assert tree(directory) == MANY


def test_kagglehub_cache_is_used(tmp_path):
    place = write(tmp_path / "kagglehub/models/google/elmo/tensorFlow1/default/3")
    handle = "google/elmo/tensorFlow1/default/3"
    with pytest.raises(OfflineError):
        resolve(handle, offline=True)
    place.with_name("3.complete").write_text("")
    assert resolve(handle, offline=True) == str(place)


def test_team_cache_is_looked_into_first_and_never_written(url, cache, tmp_path, monkeypatch):
    team = tmp_path / "team"
    shared = download(url, cache_dir=team)
    monkeypatch.setenv("TF1HUB_READ_CACHE_DIRS", str(team))
    before = sorted(os.listdir(team))
    assert resolve(url) == shared
    assert not cache.exists()
    os.unlink(f"{shared}/saved_model.pb")
    assert resolve(url) == str(cache / caches.key_of(url))
    assert sorted(os.listdir(team)) == before
    assert not os.path.exists(f"{shared}/saved_model.pb")


def test_permissions_follow_the_umask(url):
    old = os.umask(0o002)
    try:
        directory = resolve(url)
    finally:
        os.umask(old)
    assert os.stat(directory).st_mode & 0o777 == 0o775
    assert os.stat(f"{directory}/saved_model.pb").st_mode & 0o777 == 0o664
    assert os.stat(f"{directory}.manifest.json").st_mode & 0o777 == 0o664


def test_manifest_and_descriptor_say_where_it_came_from_without_secrets(server):
    url = server.on("/m/1", whole(tgz(), '"v1"')).replace("http://", "http://me:hush@")
    directory = resolve(f"{url}?token=hush")
    with open(f"{directory}.manifest.json") as file:
        text = file.read()
    manifest = json.loads(text)
    assert manifest["etag"] == '"v1"'
    assert [one["name"] for one in manifest["files"]] == sorted(MODULE)
    with open(f"{directory}.descriptor.txt") as file:
        described = file.read()
    assert described.startswith(f"Module: {server.url('/m/1')}?token=***\nDownload Time: ")
    assert "hush" not in text + described
    assert server.log[0].headers["Authorization"].startswith("Basic ")


def test_cache_that_cannot_be_written_names_the_variable(url, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CacheError, match=r"cannot be made: Not a directory. Set TFHUB_CACHE_DIR to a place"):
        resolve(url, cache_dir=blocked / "cache")


def test_from_a_folder_and_from_a_file_without_network(tmp_path):
    folder = write(tmp_path / "folder")
    assert resolve(folder, offline=True) == str(folder)
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(tgz())
    first = resolve(archive, offline=True)
    assert tree(first) == MODULE
    assert resolve(str(archive), offline=True) == first
    archive.write_bytes(tgz({**MODULE, "assets/tokens.txt": b"a new module under the old name"}))
    assert tree(resolve(archive, offline=True))["assets/tokens.txt"] == b"a new module under the old name"


def test_path_with_nothing_there_says_what_is_beside(tmp_path):
    write(tmp_path / "elmo_2")
    with pytest.raises(NotAModuleError) as caught:
        resolve(tmp_path / "elmo_3")
    assert str(caught.value) == f"There is nothing at {tmp_path / 'elmo_3'}. {tmp_path} holds: elmo_2."


def test_download_force_replaces_and_keeps_the_entry_usable(server):
    url = server.on("/m", whole(tgz()))
    directory = download(url)
    server.on("/m", whole(tgz({**MODULE, "assets/tokens.txt": b"new"})))
    assert download(url) == directory
    assert tree(directory) == MODULE
    assert download(url, force=True) == directory
    assert tree(directory)["assets/tokens.txt"] == b"new"


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP", "none"])
@pytest.mark.parametrize("place", ["writable", "missing"])
def test_the_default_cache_lies_where_tempfile_puts_things(tmp_path, variable, place):
    (tmp_path / "writable").mkdir()
    program = (
        "from tf1hub.handles.settings import default_cache_dir; found = default_cache_dir();"
        "import os, tempfile; print(found == os.path.join(tempfile.gettempdir(), 'tfhub_modules'))"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TEMP", "TMP")}
    env |= {variable: str(tmp_path / place), "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout == "True\n"


def test_a_cache_hit_imports_nothing_that_downloads(url):
    directory = resolve(url)
    program = (
        "import sys; from tf1hub.handles import resolve; print(resolve(sys.argv[1]));"
        "print([m for m in ('urllib3', 'rich', 'filelock', 'numpy', 'google', 'tensorflow', 'dataclasses',"
        " 'tempfile', 'isal') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    answer = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True, env=env
    )
    place, imported = answer.stdout.splitlines()
    assert place == directory
    # What .pth files of the environment import is not ours.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print('google' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported in (["[]", "['google']"] if bare.stdout.strip() == "True" else ["[]"])
