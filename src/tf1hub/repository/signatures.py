"""Signatures of publishers in a repository: who signed a version, and whose signature the configuration file demands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tf1hub.errors import ArgumentError, FormatError, TrustError
from tf1hub.format.module_files import SIGNATURE_FILE_NAME
from tf1hub.repository.module_names import VersionName
from tf1hub.storage import Place
from tf1hub.trust.rules import Rule, demands_of


class Demands:
    """The rules that demand signatures of a repository's modules, as they are when it is opened.

    Args:
        rules: what the configuration file demands; read from there by default.
    """

    def __init__(self, rules: Iterable[Rule] | None = None) -> None:
        self._rules = list(demands_of("", every=True) if rules is None else rules)

    def stamp(self, name: VersionName) -> str:
        """What changes when other signatures are demanded of a version; empty where none is."""
        said = [
            part for rule in self._rules if rule.is_of_name(str(name)) for part in (rule.of, *rule.signed_by)
        ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12] if said else ""


def examine_signature(name: str, place: Place) -> dict[str, Any] | None:
    """Who signed a version, and whether that is somebody whom the configuration file names.

    Args:
        name: what it is called in the repository.
        place: its directory.

    Returns:
        None for one that is not signed; else `signer`, in words, and `trusted`: whether the signature was verified. One
        that no rule asks for is not verified: who wrote it may be anybody.

    Raises:
        TrustError: a rule demands a signature, and there is none that holds.
    """
    rules = demands_of(name)
    for rule in rules:
        # It asks for packages that few have, and for those only where a rule does.
        from tf1hub.trust.publisher_signature import verify_signature

        try:
            verify_signature(place.root, rule.signed_by)
        except (TrustError, ArgumentError) as error:
            raise TrustError(f"{rule.where} demands a signature of {name}. {error}") from error
    if place.size(SIGNATURE_FILE_NAME) is None:
        return None
    from tf1hub.trust.publisher_signature import read_signer

    try:
        signer = read_signer(place.read(SIGNATURE_FILE_NAME))
    except FormatError:
        signer = "nobody that could be read"
    return {"signer": signer, "trusted": bool(rules)}
