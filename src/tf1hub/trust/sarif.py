"""Reports of scans as SARIF 2.1.0, which services for code scanning read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from tf1hub.spec.permission import REFUSED
from tf1hub.trust.abilities import ABILITIES
from tf1hub.trust.deeds import Deed
from tf1hub.trust.report import NEVER_RUN, Capabilities, PartReport

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_RULES = {
    "runs native code": "Runs native or serialized code that no graph shows.",
    "runs Python": "Calls Python functions of the process by their number.",
    "writes files": "Writes or deletes files.",
    "uses the network": "Opens connections, or exchanges tensors with other machines.",
    "reads files": "Reads files that are not the module's own.",
    "lists directories": "Looks for files by a pattern.",
    "stops the process": "Ends the process that runs it.",
    "runs an unknown op": "Has an op of which nobody has said what it does.",
    "has no bound": "May take any amount of time or memory.",
    "keeps state": "Keeps state between runs, in the process.",
    "depends on chance": "Results differ from run to run.",
}


def sarif(reports: Iterable[Capabilities], version: str) -> dict[str, Any]:
    """Reports as one SARIF log, ready for JSON.

    Args:
        reports: of scans.
        version: of tf1hub.
    """
    rules = [
        {
            "id": rule_id(can),
            "name": "".join(word.capitalize() for word in can.split()),
            "shortDescription": {"text": _RULES[can]},
            "defaultConfiguration": {"level": "error" if can in REFUSED else "note"},
        }
        for can in ABILITIES
    ]
    driver = {"name": "tf1hub", "version": version, "rules": rules}
    results = [result for report in reports for result in _results(report)]
    return {"version": "2.1.0", "$schema": SCHEMA, "runs": [{"tool": {"driver": driver}, "results": results}]}


def rule_id(can: str) -> str:
    """The id of a rule.

    Example:
        >>> rule_id("reads files")
        'reads-files'
    """
    return can.lower().replace(" ", "-")


def _results(report: Capabilities) -> Iterator[dict[str, Any]]:
    for part in report.parts:
        for deed in part.deeds:
            yield {
                "ruleId": rule_id(deed.can),
                "ruleIndex": ABILITIES.index(deed.can),
                "level": _level(part, deed),
                "message": {
                    "text": f"The {part.title} of {part.variant} {deed.can}: {deed.words()}. {deed.why}"
                },
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": _uri(report.module)},
                            # Services for code scanning show no result without a line; a graph has none.
                            "region": {"startLine": 1},
                        },
                        "logicalLocations": [
                            {
                                "name": deed.node,
                                "fullyQualifiedName": f"{part.variant}/{part.title}/{deed.node}",
                            }
                        ],
                    }
                ],
            }


def _level(part: PartReport, deed: Deed) -> str:
    if not deed.refused:
        return "note"
    return "warning" if part.kind in NEVER_RUN else "error"


def _uri(module: str) -> str:
    """A module as a relative or absolute URI reference."""
    if "://" in module:
        return quote(module, safe=":/#?&=%@+,;~")
    path = quote(module.replace(os.sep, "/"), safe="/~")
    graph = path if path.endswith(".pb") else f"{path}/saved_model.pb"
    return f"file://{graph}" if graph.startswith("/") else graph
