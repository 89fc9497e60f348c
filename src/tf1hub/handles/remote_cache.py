"""A cache in remote storage, so that every worker of a cluster reads the same files.

Object stores rename nothing in one step. Here an entry is whole when its
manifest is there, which is written last; files and manifest are written by one
upload, so that two uploads of the same content do no harm.
"""

from __future__ import annotations

import tempfile

from tf1hub.errors import CacheError
from tf1hub.handles import manifest as manifests
from tf1hub.handles.acquire import acquire
from tf1hub.handles.cache import ABSENT, CacheEntry, EntryState, Health
from tf1hub.handles.cache_files import FAULTS
from tf1hub.handles.handle import Handle
from tf1hub.handles.plan import Action, Plan, keys, pins_of, plan, plan_as_it_is
from tf1hub.handles.remote_copy import copy_out
from tf1hub.handles.settings import Settings
from tf1hub.storage import Place, place_at


def plan_remote(handle: Handle, settings: Settings, *, in_place: bool = True, force: bool = False) -> Plan:
    """Decides what to do about a handle, where the cache is in remote storage; see `plan`."""
    pins = pins_of(handle, settings)
    if (as_it_is := plan_as_it_is(handle, pins, in_place=in_place)) is not None:
        return as_it_is
    cache = place_at(settings.cache_dir, FAULTS)
    found = [(key, _check(cache, key)) for key in keys(handle)]
    for key, health in found:
        if health.state is EntryState.COMPLETE and not force:
            return Plan(Action.USE, handle, f"{settings.cache_dir}/{key}", "in the cache", None, health, pins)
    key, health = next((pair for pair in found if pair[1].state is EntryState.DAMAGED), found[0])
    action = Action.DOWNLOAD if health.state is EntryState.ABSENT else Action.REPAIR
    reason = "; ".join(health.faults) or "not in the cache"
    return Plan(action, handle, f"{settings.cache_dir}/{key}", reason, None, health, pins)


def acquire_remote(decided: Plan, settings: Settings) -> str:
    """Gets the module into a local cache of its own, and from there to the remote one."""
    cache = place_at(settings.cache_dir, FAULTS)
    key = decided.path.rpartition("/")[2]
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as local:
        here = settings._replace(cache_dir=local)
        got = plan(decided.handle, here, in_place=False)
        directory = acquire(got, here)
        entry = CacheEntry(local, directory.rpartition("/")[2])
        made = entry.manifest()
        if made is None:
            records = manifests.of_directory(directory)
            made = manifests.make(decided.handle.shown, records, directory)
        cache.remove(f"{key}.manifest.json")
        cache.remove(key)
        copy_out(directory, made.files, decided.path)
        cache.write(f"{key}.manifest.json", [made.to_json().encode()])
    return decided.path


def _check(cache: Place, key: str) -> Health:
    files = cache.files(key)
    if not files:
        return ABSENT
    manifest = _manifest(cache, f"{key}.manifest.json")
    if manifest is None:
        # The original library fills remote caches too; its rename there is not atomic,
        # but saved_model.pb without the rest is rare enough to be told by its use.
        whole = "saved_model.pb" in files
        return (
            Health(EntryState.COMPLETE)
            if whole
            else Health(EntryState.DAMAGED, ("saved_model.pb is missing",))
        )
    faults = tuple(
        f"{record.name} is missing or has another size"
        for record in manifest.files
        if files.get(record.name) != record.size
    )
    return Health(EntryState.DAMAGED if faults else EntryState.COMPLETE, faults, manifest)


def _manifest(cache: Place, name: str) -> manifests.Manifest | None:
    if cache.size(name) is None:
        return None
    try:
        return manifests.from_json(cache.read(name).decode(), cache.path(name))
    except (CacheError, UnicodeDecodeError):
        return None
