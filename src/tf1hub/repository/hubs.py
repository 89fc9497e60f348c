"""`push`, `search`, `info` and `yank`: what a user does with hubs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tf1hub.arguments import handle_text, path_text, word_list
from tf1hub.configuration import Config, config_path
from tf1hub.errors import Error, HandleError, UnknownModuleError
from tf1hub.handles.manifest import content_digest
from tf1hub.progress import ProgressOption, shown
from tf1hub.repository.examination import records_of
from tf1hub.repository.hub_client import open_hub, temporary_archive
from tf1hub.repository.layout import FAULTS
from tf1hub.repository.module_names import version_name
from tf1hub.repository.packing import pack
from tf1hub.storage import place_at, scheme_of

VARIABLE = "TF1HUB_HUBS"


def push(
    directory: str | os.PathLike[str],
    handle: str,
    to: str | os.PathLike[str],
    *,
    page: str = "",
    progress: ProgressOption = None,
) -> dict[str, Any]:
    """Publishes a module in a hub.

    It is looked at before it is sent, and again by the hub before anybody sees it. A published version never changes;
    the same content under the same handle again is no error. An upload that is interrupted goes on where it ended.

    Example:
        >>> import os, tf1hub as hub
        >>> os.makedirs("our-models", exist_ok=True)
        >>> module = "tests/golden/modules/half_plus_two/module"
        >>> record = push(module, "demo/half_plus_two/1", to="our-models")
        >>> record["status"], record["digest"] == hub.search("half", hubs=["our-models"])["modules"][0]["digest"]
        ('ok', True)

    Args:
        directory: the module's directory.
        handle: what it is to be called: `PUBLISHER/NAME/VERSION`.
        to: the hub: the URL of a server of `tf1hub serve`, whose token `TF1HUB_TOKEN_HOST` holds; or a repository's folder.
        page: its page, in Markdown.
        progress: how progress is shown; see `resolve`.

    Returns:
        What the hub knows of it now: `handle`, `digest`, `bytes`, `tasks` and more.

    Raises:
        HandleError: the handle cannot name a version.
        FormatError: the directory holds no module that is whole.
        AccessError: the token does not allow it.
        PublishError: the hub does not take it.
        RepositoryError: the hub cannot be reached.
    """
    name, where = version_name(handle_text(handle)), path_text(to, "hub")
    with shown(progress) as say:
        say("looking at the module")
        from tf1hub.spec.inspection import inspect

        inspect(directory)
        place = place_at(directory, FAULTS)
        files = records_of(place)
        with temporary_archive() as archive, open_hub(where) as hub:
            say("packing")
            pack(place, files, archive)
            return hub.push(archive, name, content_digest(files), page)


def yank(handle: str, reason: str | None, to: str | os.PathLike[str]) -> dict[str, Any]:
    """Takes a version back: searches do not find it any more; who uses it already still can, and is told the reason.

    Example:
        >>> import os
        >>> os.makedirs("our-models", exist_ok=True)
        >>> module = "tests/golden/modules/half_plus_two/module"
        >>> _ = push(module, "demo/half_plus_two/1", to="our-models")
        >>> yank("demo/half_plus_two/1", "It adds three.", to="our-models")["status"]
        'yanked'
        >>> yank("demo/half_plus_two/1", None, to="our-models")["status"]
        'ok'

    Args:
        handle: `PUBLISHER/NAME/VERSION`.
        reason: what those are told who use it; None makes it as it was before.
        to: the hub, see `push`.

    Returns:
        What the hub knows of it now.

    Raises:
        RepositoryError: as for `push`.
    """
    name = version_name(handle_text(handle))
    with open_hub(path_text(to, "hub")) as hub:
        return hub.yank(name, reason)


def search(
    query: str = "",
    *,
    hubs: Iterable[str] | None = None,
    facets: Mapping[str, Iterable[str]] | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """Searches hubs.

    Example:
        >>> import os
        >>> os.makedirs("our-models", exist_ok=True)
        >>> module = "tests/golden/modules/half_plus_two/module"
        >>> _ = push(module, "demo/half_plus_two/1", to="our-models")
        >>> found = search("half", hubs=["our-models"], facets={"dtype": ["float32"]})
        >>> [module["handle"] for module in found["modules"]]
        ['demo/half_plus_two/1']

    Args:
        query: words, or beginnings of words, that a module has all of; empty for all modules.
        hubs: URLs or folders; by default what `TF1HUB_HUBS`, or `hubs` in the configuration file, names.
        facets: what modules have to have one of: `task`, `dtype`, `fine_tunable`, `publisher`, `size`, `tensorflow`.
        limit: how many of each hub are told of.

    Returns:
        `modules`, each with the `hub` that has it, and `faults`: what hubs could not be asked, and why.

    Raises:
        HandleError: no hub is named.
    """
    modules: list[dict[str, Any]] = []
    faults: dict[str, str] = {}
    for where in _hubs_of(hubs):
        try:
            with open_hub(where) as hub:
                found = hub.search(query, facets or {}, limit)
                modules += [{"hub": hub.where, **module} for module in found["modules"]]
        except Error as error:
            faults[where] = str(error)
    return {"modules": modules, "faults": faults}


def info(handle: str, *, hubs: Iterable[str] | None = None) -> dict[str, Any]:
    """Tells what a hub knows of a version, with its machine-readable specification, without fetching it.

    Example:
        >>> import os
        >>> os.makedirs("our-models", exist_ok=True)
        >>> module = "tests/golden/modules/half_plus_two/module"
        >>> _ = push(module, "demo/half_plus_two/1", to="our-models")
        >>> info("demo/half_plus_two", hubs=["our-models"])["description"]["totals"]["parameters"]
        2

    Args:
        handle: `PUBLISHER/NAME/VERSION`; without a version the newest; or the URL of one on a hub.
        hubs: where to look, see `search`.

    Returns:
        `handle`, `digest`, `bytes`, `tasks`, `description` and more; and `hub`.

    Raises:
        UnknownModuleError: no hub has it.
        RepositoryError: a hub cannot be reached.
    """
    named, places = handle_text(handle), hubs
    if scheme_of(named) in ("http", "https"):
        parts = urlsplit(named)
        named, places = parts.path.strip("/"), [f"{parts.scheme}://{parts.netloc}"]
    missing = []
    for where in _hubs_of(places):
        try:
            with open_hub(where) as hub:
                return {"hub": hub.where, **hub.info(named)}
        except UnknownModuleError as error:
            missing.append(str(error))
    raise UnknownModuleError(f"No hub has {named}. " + " ".join(missing))


def _hubs_of(given: Iterable[str] | None) -> list[str]:
    """The hubs to ask.

    Raises:
        HandleError: there are none.
    """
    if given is not None:
        several = isinstance(given, Iterable) and not isinstance(given, str | bytes)
        found = [path_text(one, "hub") for one in given] if several else word_list(given, "Hubs")
    elif os.environ.get(VARIABLE):
        found = os.environ[VARIABLE].split()
    else:
        found = [str(one) for one in Config(config_path(os.environ)).get("hubs", list) or []]
    if not found:
        raise HandleError(
            f"No hub is named. Give one, as --hub https://hub.example, set {VARIABLE}, or write hubs = "
            f"['https://hub.example'] into {config_path(os.environ)}."
        )
    return found
