"""The commands and settings that errors give are run as they stand, and help."""

from __future__ import annotations

import re
import shlex

import pytest
from archives import MODULE, tgz, tree
from misbehaving_server import whole

from tf1hub import resolve
from tf1hub.cli import _exit
from tf1hub.cli.main import main
from tf1hub.errors import ArchiveError, Error, OfflineError, PinError
from tf1hub.handles import download

OTHER = {**MODULE, "assets/tokens.txt": b"other\n"}


def refused(kind: type[Error], *words, **options) -> str:
    with pytest.raises(kind) as caught:
        (download if options.get("force") else resolve)(*words, **options)
    return str(caught.value)


def run(command: str) -> None:
    program, *words = shlex.split(command)
    assert program == "tf1hub"
    assert main(words) == _exit.OK


def test_a_module_is_carried_to_a_machine_without_network(server, tmp_path, monkeypatch):
    url = server.on("/m/1", whole(tgz()))
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    there, here = re.findall(r"'(tf1hub .*?)'", refused(OfflineError, url))
    monkeypatch.delenv("TF1HUB_OFFLINE")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "elsewhere"))
    run(there)
    monkeypatch.setenv("TF1HUB_OFFLINE", "1")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    run(here)
    assert tree(resolve(url)) == MODULE


def test_a_change_that_is_known_is_accepted(server):
    url = server.on("/m/1", whole(tgz()))
    resolve(url)
    server.on("/m/1", whole(tgz(OTHER)))
    run(re.search("tf1hub cache rm .*", refused(PinError, url, force=True))[0])
    assert tree(resolve(url)) == OTHER


def test_the_archive_of_one_module_is_no_bundle(tmp_path, capsys):
    (tmp_path / "one.tar.gz").write_bytes(tgz())
    assert main(["install", str(tmp_path / "one.tar.gz")]) != _exit.OK
    command = re.search("tf1hub install .* --handle HANDLE", capsys.readouterr().err)[0]
    run(command.replace("HANDLE", "https://host.example/m/1"))
    assert tree(resolve("https://host.example/m/1")) == MODULE


def test_other_files_and_more_bytes_are_let_in(server, monkeypatch):
    files = {**MODULE, "run.sh": b"x"}
    urls = [server.on(f"/m/{number}", whole(tgz(files))) for number in range(3)]
    ways = refused(ArchiveError, urls[0]).partition("with ")[2].removesuffix(".")
    argument, option, variable = re.split(", | or ", ways)
    assert tree(resolve(urls[0], **{argument.partition("=")[0]: argument.endswith("True")})) == files
    run(f"tf1hub download {option} {urls[1]}")
    assert tree(resolve(urls[1])) == files
    monkeypatch.setenv(*variable.split("="))
    assert tree(resolve(urls[2])) == files
    large = [server.on(f"/large/{number}", whole(tgz())) for number in range(2)]
    argument, option = re.search(
        r"with (.*) or (.*)\.", refused(ArchiveError, large[0], max_bytes=10)
    ).groups()
    assert tree(resolve(large[0], **{argument: 10**6})) == MODULE
    run(f"tf1hub download {option} 1000000 {large[1]}")


def test_what_is_in_the_cache_is_listed_and_pruned(server, capsys):
    url = server.on("/m/1", whole(tgz()))
    resolve(url)
    assert main(["cache", "rm", "https://host.example/none"]) != _exit.OK
    run(re.search("'(tf1hub cache ls)'", capsys.readouterr().err)[1])
    assert url in capsys.readouterr().out
