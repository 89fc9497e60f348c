"""Refuses to build what the user did not allow a module to do, and modules that are not signed as demanded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from weakref import WeakSet

from tf1hub.errors import TrustError
from tf1hub.format.tensor_names import node_of, tensor_name
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.permission import EVERYTHING, MADE_HERE, REFUSED
from tf1hub.spec.variant import Variant
from tf1hub.trust.deeds import Deed
from tf1hub.trust.parts import (
    Part,
    analysis_of,
    initializers,
    signature_part,
    signature_parts,
    table_initializers,
)
from tf1hub.trust.rules import demands, find_allowed

_MAX_SHOWN = 5
_MESSAGE = (
    "{part} of {where} does what no module may do unless its user allows it, and was not built:{deeds}\n"
    "If you trust the module, allow it, in Python\n"
    "    spec = tf1hub.load_module_spec({module!r}, trust={words})\n"
    "(every function that takes a handle takes the spec, and most take trust= themselves); for the tf1hub command\n"
    "    --trust {comma!r}\n"
    "or, for all modules of a process, in its environment\n"
    "    TF1HUB_TRUST={comma!r}"
)


_SIGNED: WeakSet[Variant] = WeakSet()
"""Variants whose module is signed as the configuration demands; asked once for each."""


def why_signature_is_refused(variant: Variant, name: str) -> str:
    """Why a signature is refused, in words; empty where it is not.

    Args:
        variant: the variant.
        name: of the signature.
    """
    part = signature_part(variant, name)
    return why_unsigned_is_refused(variant) or _why(
        variant, part, analysis_of(variant).find_refused(part.start, part.given)
    )


def why_state_is_refused(variant: Variant, has_checkpoint: bool) -> str:
    """Why what variables and tables start from is refused, in words; empty where it is not.

    Args:
        variant: the variant.
        has_checkpoint: whether the variables start from a checkpoint, so that their own first values are not computed.
    """
    unsigned = why_unsigned_is_refused(variant)
    if unsigned or analysis_of(variant).is_harmless:
        return unsigned
    for part in (initializers(variant, has_checkpoint), table_initializers(variant)):
        why = _why(variant, part, analysis_of(variant).find_refused(part.start, part.given))
        if why:
            return why
    return ""


def why_unsigned_is_refused(variant: Variant) -> str:
    """Why a module is refused that the configuration file wants signed, in words; empty where it is not.

    Args:
        variant: of the module.
    """
    if MADE_HERE in variant.trusted or variant in _SIGNED:
        return ""
    for rule in demands(variant.module):
        # What verifies takes a package that few have; it is asked for where a rule demands it.
        from tf1hub.trust.publisher_signature import verify_signature

        try:
            verify_signature(variant.module, rule.signed_by)
        except TrustError as error:
            return f"{rule.where} demands a signature, so {variant.where} was not built. {error}"
    _SIGNED.add(variant)
    return ""


def check_state(spec: ModuleSpec, variants: Iterable[Variant]) -> None:
    """Refuses what gives variables and tables of some variants their first values.

    Raises:
        TrustError: it does what nobody allowed.
    """
    for variant in variants:
        _raise(why_state_is_refused(variant, spec.checkpoint is not None))


def check_signature(variant: Variant, name: str) -> None:
    """Refuses a signature.

    Raises:
        TrustError: it does what nobody allowed.
    """
    _raise(why_signature_is_refused(variant, name))


def check_signatures(variants: Iterable[Variant], only: str | None = None) -> None:
    """Refuses variants one of whose signatures is refused.

    Args:
        variants: the variants.
        only: the signature that is asked about; None for all.

    Raises:
        TrustError: one does what nobody allowed.
    """
    for variant in dict.fromkeys(variants):
        for name in variant.signature_names:
            if only in (None, name):
                check_signature(variant, name)


def check_nodes(variant: Variant, what: str, nodes: Collection[str]) -> None:
    """Refuses a part of a graph that is about to be built.

    Args:
        variant: the variant.
        what: the part in words, which begin a sentence.
        nodes: of the graph; others are left out of account.

    Raises:
        TrustError: it does what nobody allowed.
    """
    _raise(why_unsigned_is_refused(variant))
    analysis = analysis_of(variant)
    if not analysis.is_harmless:
        start = frozenset(nodes) & variant.nodes.keys()
        _raise(_why_of(variant, what, analysis.find_refused(start, _inputs(variant))))


def check_program(
    variant: Variant, fetches: Iterable[str], targets: Iterable[str], fed: Collection[str]
) -> None:
    """Refuses what some tensors and nodes of a variant need.

    Raises:
        TrustError: it does what nobody allowed.
    """
    _raise(why_unsigned_is_refused(variant))
    analysis = analysis_of(variant)
    if analysis.is_harmless:
        return
    wanted = [*fetches, *targets]
    start = analysis.find_needed(wanted, {tensor_name(tensor) for tensor in fed})
    given = {**{tensor_name(tensor): tensor for tensor in fed}, **_inputs(variant)}
    _raise(_why_of(variant, _owner(variant, wanted), analysis.find_refused(start, given)))


def check_all(variant: Variant) -> None:
    """Refuses a graph of which anything may be run by who loads it.

    Raises:
        TrustError: a signature, a main op or a function does what nobody allowed.
    """
    _raise(why_unsigned_is_refused(variant))
    analysis = analysis_of(variant)
    if analysis.is_harmless:
        return
    for part in signature_parts(variant):
        _raise(_why(variant, part, analysis.find_refused(part.start, part.given)))
    # Whoever restores or saves names the checkpoint; the path that the graph has is only a default.
    given = {**analysis.defaults(), **_inputs(variant)}
    _raise(_why_of(variant, "The graph", analysis.find_refused(frozenset(variant.nodes), given)))
    alone = tuple(deed for deed in analysis.functions_alone() if deed.refused)
    _raise(_why_of(variant, "A function", alone))


def _raise(why: str) -> None:
    if why:
        raise TrustError(why)


def _why(variant: Variant, part: Part, deeds: tuple[Deed, ...]) -> str:
    words = part.words()
    return _why_of(variant, words[0].upper() + words[1:], deeds)


def _why_of(variant: Variant, what: str, deeds: tuple[Deed, ...]) -> str:
    """Why a part is refused, in words; empty where all that it does is allowed."""
    if not deeds or variant.trusted & {EVERYTHING, MADE_HERE}:
        return ""
    deeds = tuple(deed for deed in deeds if deed.can not in variant.trusted)
    allowed = find_allowed(variant.module) if deeds else frozenset()
    deeds = tuple(deed for deed in deeds if not allowed & {deed.can, EVERYTHING})
    if not deeds:
        return ""
    lines = [f"\n  - {deed.can}: {deed.words()}" for deed in deeds[:_MAX_SHOWN]]
    if len(deeds) > _MAX_SHOWN:
        lines.append(f"\n  - and {len(deeds) - _MAX_SHOWN} more")
    words = [can for can in REFUSED if can in {deed.can for deed in deeds}]
    return _MESSAGE.format(
        part=what,
        where=variant.where,
        deeds="".join(lines),
        module=variant.module,
        words="{" + ", ".join(map(repr, words)) + "}",
        comma=",".join(words),
    )


def _inputs(variant: Variant) -> Mapping[str, str]:
    """The name of the input by the tensor that it feeds, of all signatures."""
    return {
        tensor: name
        for signature in variant.signature_names
        for tensor, name in signature_part(variant, signature).given.items()
    }


def _owner(variant: Variant, wanted: list[str]) -> str:
    """The signature whose outputs are wanted, in words; or what there is else."""
    names = {node_of(name) for name in wanted}
    for signature in variant.signature_names:
        outputs = {
            node_of(each) for info in variant.outputs(signature).values() for each in info.tensor_names
        }
        if outputs and outputs <= names:
            return f"The signature {signature!r}"
    return "What gives variables and tables their values"
