"""What a repository knows of a version: small, typed, and ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tf1hub.repository.module_names import ModuleName, VersionName

OK, DAMAGED, YANKED = "ok", "damaged", "yanked"

SIZES = (
    ("tiny", 1_000_000, "up to 1 MB"),
    ("small", 10_000_000, "1 to 10 MB"),
    ("medium", 100_000_000, "10 to 100 MB"),
    ("large", 1_000_000_000, "100 MB to 1 GB"),
    ("huge", None, "over 1 GB"),
)
"""Classes of sizes: the name, the most bytes, and in words."""

FACETS = ("task", "dtype", "fine_tunable", "publisher", "size", "tensorflow", "status")
"""What modules can be chosen by."""


def size_class(count: int) -> str:
    """The class of a module's size.

    >>> size_class(5_000_000)
    'small'
    """
    return next(name for name, most, _ in SIZES if most is None or count <= most)


class Record(NamedTuple):
    """A version.

    Attributes:
        name: publisher, name and version.
        status: `"ok"`, `"damaged"` or `"yanked"`.
        reason: why it is damaged or yanked; empty if it is neither.
        digest: of the content, as pins name it; empty for a damaged one.
        bytes: of all files.
        files: how many.
        parameters: how many numbers its variables hold.
        published: when, in ISO 8601 and UTC.
        publisher_token: the name of the token that it was published with; empty for what was laid in the folder.
        source: where a copy comes from; empty for an original.
        tasks: the common signatures that it keeps.
        dtypes: of what its signatures take and give.
        fine_tunable: whether any variable is trainable.
        tensorflow: the versions of TensorFlow that have all its ops.
        needs: what a user would have to allow, in the words of `trust=`.
        summary: the first sentences of its page.
    """

    name: VersionName
    status: str
    reason: str
    digest: str
    bytes: int
    files: int
    parameters: int
    published: str
    publisher_token: str
    source: str
    tasks: tuple[str, ...]
    dtypes: tuple[str, ...]
    fine_tunable: bool
    tensorflow: tuple[str, ...]
    needs: tuple[str, ...]
    summary: str

    @property
    def module(self) -> ModuleName:
        """The module that it is a version of."""
        return self.name.module

    @property
    def version(self) -> int:
        """The version's number."""
        return self.name.version

    @property
    def size_class(self) -> str:
        """The class of its size; see `SIZES`."""
        return size_class(self.bytes)

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON."""
        plain = self._asdict()
        del plain["name"]
        for key in ("tasks", "dtypes", "tensorflow", "needs"):
            plain[key] = list(plain[key])
        return {
            "handle": str(self.name),
            "publisher": self.name.publisher,
            "name": self.name.name,
            "version": self.name.version,
            **plain,
        }


def make_record(
    name: VersionName, details: Mapping[str, Any], said: Mapping[str, Any], summary: str, modified: str
) -> Record:
    """The record of a version.

    Args:
        name: of the version.
        details: what was found by looking at it; `fault` if it is damaged.
        said: what the files beside it say: `published`, `yanked`.
        summary: the first sentences of its page.
        modified: when it was last written.
    """
    published, yanked = said.get("published", {}), said.get("yanked")
    fault = str(details.get("fault", ""))
    expected = published.get("digest")
    if not fault and expected and expected != details["digest"]:
        fault = f"Its content is not the one that was published, {expected}: it was changed behind the repository's back."
    status, reason = OK, ""
    if yanked is not None:
        status, reason = YANKED, str(yanked.get("reason", ""))
    if fault:
        status, reason = DAMAGED, fault
    return Record(
        name=name,
        status=status,
        reason=reason,
        digest="" if fault else str(details["digest"]),
        bytes=int(details.get("bytes", 0)),
        files=len(details.get("files", ())),
        parameters=int(details.get("parameters", 0)),
        published=str(published.get("time") or modified),
        publisher_token=str(published.get("token", "")),
        source=str(published.get("source", "")),
        tasks=tuple(details.get("tasks", ())),
        dtypes=tuple(details.get("dtypes", ())),
        fine_tunable=bool(details.get("fine_tunable", False)),
        tensorflow=tuple(details.get("supported", ())),
        needs=tuple(details.get("needs", ())),
        summary=summary,
    )


class Found(NamedTuple):
    """What a search found.

    Attributes:
        records: the newest version of each module, the best first; those of one page.
        total: how many there are on all pages.
        facets: for each facet, how many of what was found have each value.
    """

    records: tuple[Record, ...]
    total: int
    facets: dict[str, dict[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, strings and numbers, ready for JSON."""
        return {
            "total": self.total,
            "modules": [record.to_dict() for record in self.records],
            "facets": self.facets,
        }
