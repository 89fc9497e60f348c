"""The hosting protocol's uncompressed format: the host names a place in storage, which is read there."""

from __future__ import annotations

import re
import time

from tf1hub.errors import DownloadError, OfflineError
from tf1hub.handles import redirects
from tf1hub.handles.handle import Handle, parse, with_format
from tf1hub.handles.settings import LOAD_FORMAT_VARIABLE, OFFLINE_VARIABLE, Settings
from tf1hub.storage import is_remote, redact

_PLACE = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
_MAX_PLACE_BYTES = 4096


def locate(handle: Handle, settings: Settings) -> Handle:
    """Returns the place in storage of a module, with the handle's pin.

    Raises:
        OfflineError: the host may not be asked.
        DownloadError: the host does not name a place.
    """
    remembered = (
        None if is_remote(settings.cache_dir) else redirects.load(settings.cache_dir).get(handle.shown)
    )
    if remembered is not None and _PLACE.fullmatch(remembered) and not remembered.startswith("http"):
        return _with_pin(remembered, handle)
    if settings.offline:
        raise OfflineError(
            f"{handle.shown} is to be read in place ({LOAD_FORMAT_VARIABLE}=UNCOMPRESSED), but the "
            f"host may not be "
            f"asked where that is because {OFFLINE_VARIABLE} is set."
        )
    url = _ask(handle, settings)
    if not is_remote(settings.cache_dir):
        from tf1hub.handles import cache_files

        cache_files.make_directories(settings.cache_dir)
        redirects.remember(settings.cache_dir, handle.shown, url)
    return _with_pin(url, handle)


def _with_pin(url: str, handle: Handle) -> Handle:
    return parse(url if handle.pin is None else f"{url}#{handle.pin}")


def _ask(handle: Handle, settings: Settings) -> str:
    from tf1hub.handles.http import Client, PassingError

    url = with_format(handle.location, "uncompressed")
    client = Client(settings, url)
    failures = 0
    try:
        while True:
            try:
                answer = client.get(url, {}, follow_303=False)
                body = answer.body(_MAX_PLACE_BYTES)
                answer.close()
                break
            except PassingError as fault:
                failures += 1
                if failures > settings.retries:
                    raise DownloadError(f"{fault} (after {failures} attempts).") from fault
                time.sleep(fault.retry_after if fault.retry_after is not None else 0.5 * 2**failures)
    finally:
        client.close()
    place = body.decode("utf-8", "replace").strip()
    if answer.status != 303 or not _PLACE.fullmatch(place):
        raise DownloadError(
            f"{redact(url)} answered {answer.status} and not, with 303, a place in storage. It may "
            f"serve archives "
            f"only: unset {LOAD_FORMAT_VARIABLE}."
        )
    return place
