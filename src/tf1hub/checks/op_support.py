"""Which supported TensorFlow has the ops that a module uses, as the record of ops says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tf1hub.checks.findings import ADVICE, ERROR, WARNING, Finding
from tf1hub.format.saved_model import format_tags
from tf1hub.graphdef.op_packages import package_of, where_from
from tf1hub.graphdef.op_record import graph_versions, recorded_ops
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

YES, NO = "yes", "no"


def op_support(
    spec: ModuleSpec, loaded: Callable[[str], bool] = lambda _: False
) -> tuple[dict[str, str], list[Finding]]:
    """Whether each supported TensorFlow has all ops of a module, and findings for those it lacks.

    Args:
        spec: the module.
        loaded: whether this process has an op; one that it has and no TensorFlow is of a package that is loaded.

    Returns:
        Version to `"yes"` or `"no"`; and the findings.
    """
    verdicts = dict.fromkeys(graph_versions(), YES)
    findings: list[Finding] = []
    for variant in spec.variants():
        uses = _uses(variant)
        of_packages = [op for op in sorted(uses) if _is_nowhere(op) and loaded(op)]
        if of_packages:
            findings.append(_of_packages(variant, of_packages))
        for fault, each in _faults(variant, uses, set(of_packages)):
            verdicts.update((version, NO) for version, verdict in each.items() if verdict == NO)
            findings.append(_finding(variant, fault, each))
        findings.extend(_find_deprecated(variant, uses))
    return verdicts, findings


def _is_nowhere(op: str) -> bool:
    return not any(op in table for table in recorded_ops().values())


def _of_packages(variant: Variant, ops: list[str]) -> Finding:
    packages = sorted({package.module for op in ops if (package := package_of(op)) is not None})
    return Finding(
        "op-of-a-package",
        ADVICE,
        f"{', '.join(ops)}: no TensorFlow has {'it' if len(ops) == 1 else 'them'}, and a package that is loaded here does.",
        f"Say in the documentation that users import {' and '.join(packages) or 'that package'} first.",
        format_tags(variant.tags),
    )


def _faults(
    variant: Variant, uses: Mapping[str, set[str]], of_packages: set[str]
) -> Iterator[tuple[tuple[str, str, str], dict[str, str]]]:
    """Yields what some TensorFlow lacks: the fault's id, its words and the op, and the verdict on each version."""
    tables = recorded_ops()
    for op, attrs in sorted(uses.items()):
        if op in of_packages:
            continue
        each = {version: YES if op in table else NO for version, table in tables.items()}
        if NO in each.values():
            yield ("op-missing", f"the op {op!r}", op), each
            continue
        for attr in sorted(attrs):
            each = {
                version: YES if attr in table[op].get("attr", ()) else NO for version, table in tables.items()
            }
            if NO in each.values():
                yield ("op-attribute-missing", f"the attribute {attr!r} of the op {op!r}", op), each
    wanted = variant.meta_graph.graph_def.versions.min_consumer
    each = {version: YES if wanted <= number else NO for version, number in graph_versions().items()}
    if NO in each.values():
        yield ("graph-too-new", f"graphs for consumers of version {wanted} and newer", ""), each


def _uses(variant: Variant) -> dict[str, set[str]]:
    """The ops of a variant and its functions, and the attributes that they set."""
    graph = variant.meta_graph.graph_def
    functions = {function.signature.name for function in graph.library.function}
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    uses: dict[str, set[str]] = {}
    for body in bodies:
        for node in body:
            if node.op not in functions:
                uses.setdefault(node.op, set()).update(node.attr)
    # Attributes that begin with `_` are hints, and no op declares them.
    return {op: {name for name in attrs if not name.startswith("_")} for op, attrs in uses.items()}


def _finding(variant: Variant, fault: tuple[str, str, str], each: Mapping[str, str]) -> Finding:
    lacking = [version for version, verdict in each.items() if verdict == NO]
    nowhere = len(lacking) == len(each)
    if nowhere:
        message = f"No supported TensorFlow has {fault[1]}."
        remedy = (
            where_from([fault[2]])
            or "Load the library that registers it before the module, or make the module without it."
        )
    else:
        message = f"TensorFlow {versions_text(lacking)} does not have {fault[1]}."
        remedy = (
            f"Make the module with TensorFlow {lacking[0]}, so that it runs there and later, or without it."
        )
    return Finding(fault[0], ERROR if nowhere else WARNING, message, remedy, format_tags(variant.tags))


def _find_deprecated(variant: Variant, uses: Iterable[str]) -> Iterator[Finding]:
    producer = variant.meta_graph.graph_def.versions.producer
    tables = recorded_ops()
    for op in sorted(uses):
        since = max(int(table.get(op, {}).get("deprecated", 0)) for table in tables.values())
        if not since:
            continue
        refused = producer >= since
        consequence = (
            f"and this graph is of version {producer}: TensorFlow refuses it."
            if refused
            else f"and only graphs as old as this one (version {producer}) may still use it."
        )
        yield Finding(
            "op-deprecated",
            ERROR if refused else ADVICE,
            f"The op {op!r} is deprecated since graph version {since}, {consequence}",
            "Make the module with the op's successor, as a newer TensorFlow does by itself.",
            format_tags(variant.tags),
        )


def versions_text(versions: list[str]) -> str:
    """Versions in words; neighbours as a range.

    Example:
        >>> versions_text(["2.15"]), versions_text(["2.16", "2.17", "2.18"])
        ('2.15', '2.16 to 2.18')
    """
    every = list(graph_versions())
    if len(versions) > 2 and every.index(versions[-1]) - every.index(versions[0]) == len(versions) - 1:
        return f"{versions[0]} to {versions[-1]}"
    return ", ".join(versions)
