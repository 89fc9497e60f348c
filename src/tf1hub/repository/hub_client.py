"""One hub, asked over HTTP or as the folder that it is."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from tf1hub.errors import (
    AccessError,
    DownloadError,
    HandleError,
    PublishError,
    RepositoryError,
    UnknownModuleError,
)
from tf1hub.handles import settings as settings_module
from tf1hub.handles.http import Answer, Client, PassingError
from tf1hub.handles.tokens import variable_for
from tf1hub.progress import transfer
from tf1hub.repository.module_names import VersionName
from tf1hub.repository.publishing import Publishing
from tf1hub.repository.repository import Repository
from tf1hub.storage import redact, scheme_of

_PIECE = 4 << 20
_MAX_ANSWER = 64 << 20
_MAX_BACKOFF = 10.0


class Hub(Protocol):
    """A place that has modules.

    Attributes:
        where: its URL or folder, as messages show it.
    """

    where: str

    def search(self, query: str, facets: Mapping[str, Iterable[str]], limit: int) -> dict[str, Any]:
        """What `Found.to_dict` gives."""
        ...

    def info(self, handle: str) -> dict[str, Any]:
        """What `Record.to_dict` gives, with `description` where the module is whole."""
        ...

    def push(self, archive: str, name: VersionName, digest: str, page: str) -> dict[str, Any]:
        """Publishes an archive; what `Record.to_dict` gives."""
        ...

    def yank(self, name: VersionName, reason: str | None) -> dict[str, Any]:
        """Yanks a version, or takes that back; what `Record.to_dict` gives."""
        ...


@contextlib.contextmanager
def open_hub(where: str) -> Iterator[Hub]:
    """Opens a hub.

    Args:
        where: its URL; or a folder, which need not be served.
    """
    if scheme_of(where) in ("http", "https"):
        hub = _HttpHub(where)
        try:
            yield hub
        finally:
            hub.close()
        return
    with Repository(where) as repository:
        yield _FolderHub(repository)


class _FolderHub:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.where = repository.folder

    def search(self, query: str, facets: Mapping[str, Iterable[str]], limit: int) -> dict[str, Any]:
        self._repository.refresh()
        return self._repository.modules(query, facets, limit=limit).to_dict()

    def info(self, handle: str) -> dict[str, Any]:
        self._repository.refresh()
        record = self._repository.record(self._repository.find(handle))
        document = record.to_dict()
        if record.digest:
            document["description"] = self._repository.description(record.name)
        return document

    def push(self, archive: str, name: VersionName, digest: str, page: str) -> dict[str, Any]:
        publishing = Publishing(self._repository)
        return publishing.publish(name, archive, by=_user(), digest=digest, page=page).to_dict()

    def yank(self, name: VersionName, reason: str | None) -> dict[str, Any]:
        publishing = Publishing(self._repository)
        if reason is None:
            return publishing.unyank(name, by=_user()).to_dict()
        return publishing.yank(name, reason, by=_user()).to_dict()


class _HttpHub:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.where = redact(self._url)
        self._settings = settings_module.from_environment()
        if self._settings.offline:
            raise RepositoryError(f"{self.where} may not be asked, because TF1HUB_OFFLINE is set.")
        self._client = Client(self._settings, self._url)

    def close(self) -> None:
        self._client.close()

    def search(self, query: str, facets: Mapping[str, Iterable[str]], limit: int) -> dict[str, Any]:
        pairs = [("q", query), ("limit", str(limit))]
        pairs += [(facet, value) for facet, values in facets.items() for value in values]
        return self._ask("GET", f"modules?{urlencode(pairs)}")

    def info(self, handle: str) -> dict[str, Any]:
        module, _, version = handle.strip("/").rpartition("/")
        if not version.isdigit():
            module, version = handle.strip("/"), "latest"
        return self._ask("GET", f"modules/{quote(module)}/versions/{quote(version)}")

    def push(self, archive: str, name: VersionName, digest: str, page: str) -> dict[str, Any]:
        size = os.path.getsize(archive)
        with open(archive, "rb") as file:
            sha256 = hashlib.sha256()
            while piece := file.read(_PIECE):
                sha256.update(piece)
            begin = {"handle": str(name), "bytes": size, "sha256": sha256.hexdigest()}
            upload = self._ask("POST", "uploads", begin)
            path = f"uploads/{upload['id']}"
            with transfer(f"Uploading {name} to {self.where}") as report:
                self._send(file, path, int(upload["offset"]), size, report)
        return self._ask("POST", f"{path}/publish", {"page": page, "digest": digest})

    def yank(self, name: VersionName, reason: str | None) -> dict[str, Any]:
        path = f"modules/{name.publisher}/{name.name}/versions/{name.version}/yank"
        if reason is None:
            return self._ask("DELETE", path)
        return self._ask("PUT", path, {"reason": reason})

    def _send(self, file: Any, path: str, offset: int, size: int, report: Any) -> None:
        failures = 0
        while offset < size:
            report(offset, size)
            file.seek(offset)
            piece = file.read(_PIECE)
            headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
            try:
                offset = int(self._read(self._client.send("PATCH", self._of(path), headers, piece))["offset"])
                failures = 0
            except (PassingError, PublishError) as error:
                is_offset = isinstance(error, PublishError) and error.kind == "offset"
                failures += 1
                if failures > self._settings.retries or (isinstance(error, PublishError) and not is_offset):
                    if isinstance(error, PublishError):
                        raise
                    raise RepositoryError(f"{error} (after {failures} attempts).") from error
                time.sleep(min(_MAX_BACKOFF, 0.5 * 2**failures))
                # What came before the connection broke is there.
                offset = int(self._ask("GET", path)["offset"])
        report(size, size)

    def _of(self, path: str) -> str:
        return f"{self._url}/api/v1/{path}"

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        failures = 0
        while True:
            try:
                return self._read(self._client.send(method, self._of(path), headers, body))
            except PassingError as error:
                failures += 1
                if failures > self._settings.retries:
                    raise RepositoryError(f"{error} (after {failures} attempts).") from error
                time.sleep(min(_MAX_BACKOFF, 0.5 * 2**failures))
            except DownloadError as error:
                raise RepositoryError(str(error)) from error

    def _read(self, answer: Answer) -> dict[str, Any]:
        try:
            body = answer.body(_MAX_ANSWER)
        finally:
            answer.close()
        try:
            found = json.loads(body or b"{}")
        except ValueError as error:
            raise RepositoryError(
                f"{self.where} answered {answer.status} and no JSON. Is it a hub that 'tf1hub serve' serves?"
            ) from error
        if answer.status in (200, 201, 204) and isinstance(found, dict):
            return found
        message = ""
        if isinstance(found, dict) and isinstance(found.get("error"), dict):
            message = str(found["error"].get("message", ""))
        raise self._error_of(answer.status, message or "no more was said")

    def _error_of(self, status: int, message: str) -> Exception:
        words = f"{self.where} answered {status}: {message}"
        if status in (502, 503, 504):
            return PassingError(words)
        if status == 401:
            variable = variable_for(urlsplit(self._url).netloc.rpartition("@")[2])
            return AccessError(f"{words} Set {variable}.")
        if status in (403, 405, 429):
            return AccessError(words)
        if status == 404:
            return UnknownModuleError(words)
        if status == 400:
            return HandleError(words)
        kinds = {409: "exists", 413: "too large", 422: "content", 507: "room"}
        if status in kinds:
            is_offset = status == 409 and "goes on at byte" in message
            return PublishError(words, "offset" if is_offset else kinds[status])
        return RepositoryError(words)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


@contextlib.contextmanager
def temporary_archive() -> Iterator[str]:
    """The path of an archive to write, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
        yield os.path.join(directory, "module.tar.gz")
