"""Looks at one version: what it is made of, what it promises, what it can do. Without TensorFlow, and nothing runs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from typing import Any

from tf1hub.errors import Error, FormatError
from tf1hub.format.module_files import is_module_file
from tf1hub.handles.extract import extract
from tf1hub.handles.limits import Limits
from tf1hub.handles.manifest import FileRecord, content_digest
from tf1hub.repository.layout import FAULTS
from tf1hub.storage import Place, place_at

_MAX_WORDS = 20_000
_EMPHASIS = re.compile(r"[*`]+|(?<!\w)_|_(?!\w)")
_MARKUP = re.compile(r"[#>|\[\]]+|\(https?://[^()]*\)|<[^<>]*>")


def records_of(place: Place) -> tuple[FileRecord, ...]:
    """A record per file of a module's directory, by reading all of them; what no module has is left out."""
    found = []
    for name, size in sorted(place.files("").items()):
        if is_module_file(name):
            digest = hashlib.sha256()
            for piece in place.chunks(name):
                digest.update(piece)
            found.append(FileRecord(name, size, digest.hexdigest()))
    return tuple(found)


def unpack(url: str, directory: str, max_bytes: int) -> None:
    """Unpacks an archive to a new directory, which appears whole or not at all.

    Raises:
        ArchiveError: the archive is damaged, unsafe or too large.
    """
    if os.path.isdir(directory):
        return
    beside = f"{directory}.{os.getpid()}-{os.urandom(4).hex()}"
    os.makedirs(beside)
    try:
        limits = Limits(total_bytes=max_bytes, file_bytes=max_bytes)
        extract(place_at(url, FAULTS).chunks(""), beside, limits=limits)
        try:
            os.rename(beside, directory)
        except OSError:
            if not os.path.isdir(directory):  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def examine(handle: str, directory: str, max_bytes: int) -> dict[str, Any]:
    """Everything that a repository tells of a version, ready for JSON.

    Args:
        handle: what the module is called, in place of the path in what is told.
        directory: the path or URL of its directory.
        max_bytes: how large a module may be.

    Returns:
        `fault`: why it is damaged, or lacks a signature that is demanded; else empty. For one that is whole: `files`,
        `digest`, `bytes`, `description`, `capabilities`, `tensorflow`, `signature`, and what modules are chosen by.
    """
    place = place_at(directory, FAULTS)
    size = sum(place.files("").values())
    if size > max_bytes:
        return {
            "fault": f"It has {size} bytes; this repository takes modules of at most {max_bytes}.",
            "bytes": size,
        }
    try:
        return _examine_whole(handle, directory, place)
    except (Error, OSError, ValueError, RecursionError, MemoryError, KeyError) as error:
        words = str(error).replace(directory, handle) or type(error).__name__
        return {"fault": words[:2000], "bytes": size}


def _examine_whole(handle: str, directory: str, place: Place) -> dict[str, Any]:
    from tf1hub.checks.op_support import YES, op_support
    from tf1hub.checks.stored import stored_files
    from tf1hub.repository.signatures import examine_signature
    from tf1hub.spec.inspection import inspect
    from tf1hub.spec.module_spec import load_module_spec
    from tf1hub.trust.scan import of_spec

    spec = load_module_spec(directory)
    signature = examine_signature(handle, place)
    # Numbers that are not finite are what the publisher has; a checkpoint that cannot be read is damage.
    for finding in stored_files(spec, lambda *_: None):
        if finding.id != "not-finite-variable":
            raise FormatError(finding.message)
    description = inspect(spec)
    capabilities = of_spec(spec)
    versions, _ = op_support(spec)
    files = records_of(place)
    plain = description.to_dict()
    plain["name"] = handle
    plain["provenance"] |= {"handle": handle, "source": None, "time": None}
    plain["provenance"]["digest"] = content_digest(files)
    signatures = [signature for variant in description.variants for signature in variant.signatures]
    tensors = [
        tensor
        for signature in signatures
        for tensor in (*signature.inputs.values(), *signature.outputs.values())
    ]
    return {
        "fault": "",
        "files": [file._asdict() for file in files],
        "digest": content_digest(files),
        "bytes": sum(file.size for file in files),
        "description": plain,
        "capabilities": {**capabilities.to_dict(), "module": handle},
        "tensorflow": versions,
        "parameters": description.parameters,
        "tasks": sorted({task for signature in signatures for task in signature.meets}),
        "dtypes": sorted({tensor.dtype for tensor in tensors}),
        "fine_tunable": description.trainable_parameters > 0,
        "supported": [version for version, verdict in versions.items() if verdict == YES],
        "needs": list(capabilities.needs()),
        "signature": signature,
        "words": " ".join(
            dict.fromkeys(
                word
                for signature in signatures
                for word in (signature.name, *signature.inputs, *signature.outputs, *signature.meets)
            )
        )[:_MAX_WORDS],
    }


def _without_comments(page: str) -> str:
    """A page without comments; one that is not closed is none. In one pass, whatever the page."""
    kept, at = [], 0
    while (start := page.find("<!--", at)) >= 0 and (end := page.find("-->", start + 4)) >= 0:
        kept.append(page[at:start])
        at = end + 3
    return " ".join([*kept, page[at:]]) if kept else page


def plain_words(page: str) -> str:
    """The words of a Markdown page without its markup and comments."""
    return " ".join(_MARKUP.sub(" ", _EMPHASIS.sub("", _without_comments(page))).split())


def summary_of(page: str) -> str:
    """The first paragraph of a page that is no heading, for lists."""
    for paragraph in re.split(r"\n\s*\n", _without_comments(page)):
        lines = [
            line
            for line in paragraph.strip().splitlines()
            if not line.lstrip().startswith(("#", "|", "!", "<", "="))
        ]
        words = plain_words("\n".join(lines))
        if len(words) > 2:
            return words if len(words) <= 240 else words[:240].rsplit(" ", 1)[0] + " …"
    return ""
