"""Copies of other hubs' modules: fetched once, verified, kept, and marked as what they are."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import Any

from tf1hub.errors import DownloadError, Error, HandleError, NotAModuleError, ResolveError, UnknownModuleError
from tf1hub.handles import settings as settings_module
from tf1hub.handles.api import carry_out, decide
from tf1hub.handles.handle import parse
from tf1hub.handles.http import Client, PassingError
from tf1hub.progress import ProgressOption, shown
from tf1hub.repository.examination import records_of
from tf1hub.repository.hub_client import open_hub, temporary_archive
from tf1hub.repository.layout import FAULTS
from tf1hub.repository.module_names import VersionName, version_name
from tf1hub.repository.packing import pack
from tf1hub.repository.private_files import locked
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.record import Record
from tf1hub.repository.repository import Repository
from tf1hub.storage import place_at, redact

_BY = "copy"
_MAX_PAGE = 1 << 20


class Copying:
    """Fetches from other hubs what a repository does not have.

    Args:
        repository: what keeps the copies.
        upstreams: URLs of hubs that speak the hosting protocol, the first one first.
        quota_bytes: what one publisher may have in all.
    """

    def __init__(
        self, repository: Repository, upstreams: Iterable[str], quota_bytes: int | None = None
    ) -> None:
        self._repository = repository
        self._upstreams = [url.rstrip("/") for url in upstreams]
        self._publishing = Publishing(repository, quota_bytes)

    def fetch(self, handle: str) -> Record:
        """Makes a copy of a version, once however many ask for it.

        Raises:
            UnknownModuleError: no hub has it.
            ResolveError: a hub has it, and it cannot be had.
        """
        name = version_name(handle)
        with locked(self._repository.state, f"copy {name}"):
            try:
                return self._repository.record(name)
            except UnknownModuleError:
                pass
            said = []
            for upstream in self._upstreams:
                try:
                    return self._fetch_from(upstream, name)
                except (DownloadError, NotAModuleError) as error:
                    said.append(str(error))
        raise UnknownModuleError(
            f"There is no {name} in this repository, nor where it may fetch from. {' '.join(said)}"
        )

    def _fetch_from(self, upstream: str, name: VersionName) -> Record:
        url = f"{upstream}/{name}"
        with tempfile.TemporaryDirectory(prefix="tf1hub-", dir=self._repository.state) as cache:
            settings = settings_module.from_environment(
                cache_dir=cache, max_bytes=self._repository.max_bytes, lock_file="", offline=False
            )._replace(mirrors=(), read_cache_dirs=(), lock_file=None, load_format="compressed")
            directory = carry_out(decide(parse(url), settings, in_place=False), settings)
            place = place_at(directory, FAULTS)
            with temporary_archive() as archive:
                pack(place, records_of(place), archive)
                page = _page_of(upstream, name, settings)
                return self._publishing.publish(name, archive, by=_BY, page=page, source=redact(url))


def _page_of(upstream: str, name: VersionName, settings: settings_module.Settings) -> str:
    """The Markdown page that a hub of this library's kind has; empty from another one."""
    client = Client(settings, upstream)
    try:
        answer = client.get(f"{upstream}/api/v1/modules/{name.module}/versions/{name.version}/page", {})
        if answer.headers.get("Content-Type", "").startswith("text/markdown"):
            return answer.body(_MAX_PAGE).decode("utf-8", "replace")
    except (PassingError, DownloadError):
        pass
    finally:
        client.close()
    return ""


def mirror(
    folder: str | os.PathLike[str],
    handles: Iterable[str] = (),
    *,
    source: str,
    query: str | None = None,
    progress: ProgressOption = None,
) -> dict[str, Any]:
    """Fills a repository's folder with copies of another hub's modules.

    Args:
        folder: the folder; made if it is not there.
        handles: `PUBLISHER/NAME/VERSION` of each module.
        source: the URL of the hub.
        query: words; the newest version of each module that the hub finds for them is copied too; empty for all modules.
        progress: how progress is shown; see `resolve`.

    Returns:
        `copied`, with the records of what was fetched, `there`, what was there already, and `faults`.

    Raises:
        HandleError: a handle cannot name a version.
        RepositoryError: the hub cannot be searched.
    """
    os.makedirs(folder, exist_ok=True)
    wanted = [version_name(handle) for handle in handles]
    if query is not None:
        wanted += _list_found(source, query)
    if not wanted:
        raise HandleError("There is nothing to copy: give handles, or a query.")
    result: dict[str, Any] = {"copied": [], "there": [], "faults": {}}
    with Repository(folder) as repository, shown(progress) as say:
        copying = Copying(repository, [source])
        for number, name in enumerate(dict.fromkeys(wanted)):
            say(f"Copying {name}", number, len(wanted), "versions")
            try:
                repository.record(name)
                result["there"].append(str(name))
                continue
            except UnknownModuleError:
                pass
            try:
                result["copied"].append(copying.fetch(str(name)).to_dict())
            except (ResolveError, Error) as error:
                result["faults"][str(name)] = str(error)
    return result


def _list_found(source: str, query: str) -> list[VersionName]:
    with open_hub(source) as hub:
        return [version_name(module["handle"]) for module in hub.search(query, {}, 200)["modules"]]
