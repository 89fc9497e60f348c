"""`tf1hub cache`: what is in the cache, whether it is whole, and how to get rid of it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tf1hub.cli import _exit, _handles, _output


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("cache", help="list, verify and clean the cache")
    verbs = parser.add_subparsers(title="verbs", dest="cache_verb", metavar="VERB", required=True)

    listing = verbs.add_parser("ls", help="list the modules")
    listing.set_defaults(run=run_ls)

    verify = verbs.add_parser("verify", help="compare every byte with the manifests; exit code 1 for damage")
    verify.add_argument("names", metavar="HANDLE", nargs="*", help="handles or keys (default: all)")
    verify.add_argument("--quick", action="store_true", help="compare only names and sizes")
    verify.set_defaults(run=run_verify)

    remove = verbs.add_parser("rm", help="remove modules")
    remove.add_argument("names", metavar="HANDLE", nargs="*", help="handles or keys")
    remove.add_argument("--all", action="store_true", help="remove all modules")
    remove.add_argument(
        "--forget", action="store_true", help="accept other content behind their versioned URLs from now on"
    )
    remove.set_defaults(run=run_rm)

    prune = verbs.add_parser("prune", help="remove damaged modules and what dead processes left")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="remove older modules too")
    prune.add_argument("--dry-run", action="store_true", help="only tell what would be removed")
    prune.set_defaults(run=run_prune)

    path = verbs.add_parser("path", help="print the cache's directory, or that of one module in it")
    path.add_argument("names", metavar="HANDLE", nargs="*", help="a handle or key")
    path.set_defaults(run=run_path)

    for one in (listing, verify, remove, prune, path):
        _handles.add_cache_option(one)
        _output.add_output_options(one)


def _root(args: argparse.Namespace) -> str:
    from tf1hub.errors import CacheError
    from tf1hub.handles.settings import from_environment
    from tf1hub.storage import is_remote

    root = from_environment(cache_dir=args.cache_dir).cache_dir
    if is_remote(root) and args.cache_verb != "path":
        raise CacheError(f"The cache {root} is in remote storage; use that storage's own tools to manage it.")
    return root


def run_ls(args: argparse.Namespace) -> int:
    from tf1hub.handles import inventory

    items = inventory.items(_root(args))
    rows = [
        (
            item.handle or "?",
            _output.human_bytes(item.bytes),
            str(item.files),
            item.time or "-",
            item.key[:12],
        )
        for item in items
    ]
    text = _output.table(("HANDLE", "SIZE", "FILES", "DOWNLOADED", "KEY"), rows, right=(1, 2))
    total = _output.human_bytes(sum(item.bytes for item in items))
    _output.emit(args, f"{text}\n{len(items)} modules, {total}", [asdict(item) for item in items])
    return _exit.OK


def run_verify(args: argparse.Namespace) -> int:
    from tf1hub.handles import inventory
    from tf1hub.handles.cache import EntryState

    checked = inventory.verify(_root(args), full=not args.quick, names=tuple(args.names))
    document: list[dict[str, Any]] = [
        {
            "handle": entry.handle(),
            "key": entry.key,
            "path": entry.path,
            "state": health.state.value,
            "has_manifest": health.manifest is not None,
            "faults": list(health.faults),
        }
        for entry, health in checked
    ]
    bad = [one for one in document if one["state"] != EntryState.COMPLETE.value]
    lines = [f"{one['state']}: {one['handle'] or one['key']}: {'; '.join(one['faults'])}" for one in bad]
    unknown = sum(not one["has_manifest"] for one in document if one not in bad)
    note = (
        f" ({unknown} of the original library, without a manifest: only names were checked)"
        if unknown
        else ""
    )
    lines.append(f"{len(document) - len(bad)} of {len(document)} modules are whole{note}")
    _output.emit(args, "\n".join(lines), document)
    return _exit.FOUND_FAULT if bad else _exit.OK


def run_rm(args: argparse.Namespace) -> int:
    from tf1hub.errors import HandleError
    from tf1hub.handles import cache, inventory

    if bool(args.names) == args.all:
        raise HandleError("Name the modules to remove, or all of them with --all.")
    root = _root(args)
    entries = cache.entries(root) if args.all else inventory.find(root, tuple(args.names))
    document: list[dict[str, Any]] = [
        {"handle": entry.handle(), "key": entry.key, "bytes": inventory.remove(entry, forget=args.forget)}
        for entry in entries
    ]
    freed = _output.human_bytes(sum(one["bytes"] for one in document))
    _output.emit(args, f"Removed {len(document)} modules, {freed}.", document)
    return _exit.OK


def run_prune(args: argparse.Namespace) -> int:
    from tf1hub.handles import inventory

    pruned = inventory.prune(_root(args), older_than_days=args.older_than, dry_run=args.dry_run)
    lines = [f"{one.what}: {one.why}" for one in pruned]
    freed = _output.human_bytes(sum(one.bytes for one in pruned))
    lines.append(f"{'Would free' if args.dry_run else 'Freed'} {freed}.")
    _output.emit(args, "\n".join(lines), [asdict(one) for one in pruned])
    return _exit.OK


def run_path(args: argparse.Namespace) -> int:
    from tf1hub.handles import inventory

    root = _root(args)
    paths = [entry.path for entry in inventory.find(root, tuple(args.names))] if args.names else [root]
    _output.emit(args, "\n".join(paths), {"paths": paths})
    return _exit.OK
