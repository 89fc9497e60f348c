"""Folders of modules, made of the golden ones."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from golden import cases


def golden(name: str = "half_plus_two") -> Path:
    """The directory of a golden module."""
    return Path(cases.load(name).path)


def lay(folder: Path, handle: str, name: str = "half_plus_two", page: str = "") -> Path:
    """Lays a golden module into a repository's folder."""
    target = folder / handle
    shutil.copytree(golden(name), target)
    if page:
        target.with_name(f"{target.name}.md").write_text(page)
    return target


def lay_archive(folder: Path, handle: str, name: str = "half_plus_two") -> Path:
    """Lays a golden module into a repository's folder as an archive, with a directory around it."""
    target = folder / f"{handle}.tar.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        archive.add(golden(name), arcname="module")
    return target
