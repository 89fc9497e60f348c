"""`resolve` and `download`: from a handle to a directory."""

from __future__ import annotations

import os

from tf1hub.arguments import path_text
from tf1hub.handles import settings as settings_module
from tf1hub.handles.handle import Handle, Kind, parse
from tf1hub.handles.plan import Action, Plan, plan
from tf1hub.handles.settings import Settings
from tf1hub.progress import ProgressOption, shown
from tf1hub.storage import absolute, is_remote


def resolve(
    handle: str | os.PathLike[str],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
    verify: bool = False,
    progress: ProgressOption = None,
    allow_extra_files: bool | None = None,
    max_bytes: int | None = None,
    lock_file: str | os.PathLike[str] | None = None,
) -> str:
    """Returns the directory of a module, and downloads it first if necessary.

    What is cached is used as it is, after a look that costs one `stat` per
    file; a damaged entry is downloaded again.

    Example:
        >>> import tf1hub as hub
        >>> hub.resolve("tests/golden/modules/half_plus_two/module")[-21:]
        '/half_plus_two/module'

    Args:
        handle: a directory, an archive (tar, tar.gz, zip, ...), a URL, a place in remote storage,
            or `OWNER/MODEL/tensorFlow1/VARIATION/VERSION`; `#sha256:...` after it pins its content.
        cache_dir: the cache; by default `TFHUB_CACHE_DIR`, else `<system temp>/tfhub_modules`.
        offline: whether the network may not be used; by default as `TF1HUB_OFFLINE` says.
        verify: whether to read every byte of a cached module and compare it with its manifest.
        progress: how progress is shown: `"auto"` (a bar on a terminal, else a line now and then for a
            long download), `"bar"`, `"lines"` or `"none"`; or a function that is told a `Progress`. By
            default as `TF1HUB_PROGRESS` says.
        allow_extra_files: whether an archive may hold files that no module has.
        max_bytes: the most that an archive may unpack to.
        lock_file: a lock file whose pins hold; by default `TF1HUB_LOCKFILE`, else
            `tf1hub.lock` in the working directory if it is there.

    Returns:
        The absolute path of a local directory; or, for remote storage that
        TensorFlow reads without a copy (`gs://`), and for a remote cache, its URL.

    Raises:
        HandleError: the handle, a variable or the configuration is not valid.
        NotAModuleError: the handle is a path, and there is nothing.
        OfflineError: it is not in the cache, and the network may not be used.
        DownloadError: the host, the network or its answer is at fault.
        ArchiveError: the archive is damaged or unsafe.
        PinError: the content is not the one that was pinned or first seen.
        CacheError: the cache cannot be written.
    """
    settings = settings_module.from_environment(
        cache_dir=cache_dir,
        offline=offline,
        allow_extra_files=allow_extra_files,
        max_bytes=max_bytes,
        lock_file=None if lock_file is None else absolute(path_text(lock_file, "lock file")),
    )
    with shown(progress):
        return carry_out(decide(parse(handle), settings, full=verify), settings)


def download(
    handle: str | os.PathLike[str],
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    force: bool = False,
    offline: bool | None = None,
    progress: ProgressOption = None,
    allow_extra_files: bool | None = None,
    max_bytes: int | None = None,
    lock_file: str | os.PathLike[str] | None = None,
) -> str:
    """Brings a module into the cache and returns its directory there.

    Like `resolve`, but remote storage is copied even where TensorFlow could
    read it in place.

    Example:
        >>> import tf1hub as hub
        >>> hub.download("tests/golden/modules/half_plus_two/module", offline=True)[-21:]
        '/half_plus_two/module'

    Args:
        handle: as for `resolve`.
        cache_dir: as for `resolve`.
        force: whether to download even what is in the cache.
        offline: as for `resolve`.
        progress: as for `resolve`.
        allow_extra_files: as for `resolve`.
        max_bytes: as for `resolve`.
        lock_file: as for `resolve`.

    Returns:
        The module's directory. A local directory is returned as it is.

    Raises:
        Error: as for `resolve`.
    """
    settings = settings_module.from_environment(
        cache_dir=cache_dir,
        offline=offline,
        allow_extra_files=allow_extra_files,
        max_bytes=max_bytes,
        lock_file=None if lock_file is None else absolute(path_text(lock_file, "lock file")),
    )
    with shown(progress):
        return carry_out(decide(parse(handle), settings, in_place=False, force=force), settings)


def decide(
    handle: Handle, settings: Settings, *, in_place: bool = True, full: bool = False, force: bool = False
) -> Plan:
    """Decides what to do about a handle; the uncompressed format asks the host for the place first."""
    if handle.kind is Kind.HTTP and settings.load_format == "uncompressed":
        from tf1hub.handles.uncompressed import locate

        handle = locate(handle, settings)
    if is_remote(settings.cache_dir):
        from tf1hub.handles.remote_cache import plan_remote

        return plan_remote(handle, settings, in_place=in_place, force=force)
    return plan(handle, settings, in_place=in_place, full=full, force=force)


def carry_out(decided: Plan, settings: Settings) -> str:
    """Carries out a plan. What is there already costs no import of what downloads."""
    if decided.action is Action.USE and not decided.pins:
        return decided.path
    if is_remote(settings.cache_dir) and decided.action is not Action.USE:
        from tf1hub.handles.remote_cache import acquire_remote

        return acquire_remote(decided, settings)
    from tf1hub.handles.acquire import acquire

    return acquire(decided, settings)
