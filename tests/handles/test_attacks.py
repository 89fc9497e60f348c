"""No archive of the attack corpus writes outside the target, keeps memory, or passes."""

from __future__ import annotations

import resource
import tracemalloc

import pytest
from archives import pieces, tree
from attack_corpus import LIMITS, corpus

from tf1hub.errors import ArchiveError
from tf1hub.handles import limits
from tf1hub.handles.extract import extract

CORPUS = corpus()


def test_corpus_is_as_large_as_promised():
    assert len(CORPUS) >= 60


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_attack_is_refused_and_nothing_leaves_the_target(name, tmp_path):
    make, words = CORPUS[name]
    target = tmp_path / "root" / "target"
    target.mkdir(parents=True)
    with pytest.raises(ArchiveError) as caught:
        extract(pieces(make(), 64 << 10), str(target), limits=LIMITS)
    assert words in str(caught.value)
    outside = {path for path in tree(tmp_path) if not path.startswith("root/target/")}
    assert outside == set()
    assert [path for path in target.rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize(
    "name",
    [
        "bomb",
        "bomb_nested",
        "bomb_xz",
        "zip_bomb",
        "zip_list_memory",
        "xz_memory",
        "pax_memory",
        "gnu_long_memory",
        "many_members",
    ],
)
def test_memory_stays_bounded(name, tmp_path):
    data = CORPUS[name][0]()
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            extract(pieces(data, 64 << 10), str(tmp_path), limits=LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 << 20


def test_limits_by_default_are_the_named_constants():
    assert limits.Limits() == limits.Limits(
        members=limits.MAX_MEMBERS,
        file_bytes=limits.MAX_FILE_BYTES,
        total_bytes=limits.MAX_TOTAL_BYTES,
        ratio=limits.MAX_COMPRESSION_RATIO,
        ratio_free_bytes=limits.RATIO_FREE_BYTES,
    )


def test_the_largest_bomb_does_not_grow_the_process(tmp_path):
    data = CORPUS["bomb"][0]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArchiveError):
        extract(pieces(data, 64 << 10), str(tmp_path), limits=LIMITS)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 64 << 10  # kilobytes on Linux
