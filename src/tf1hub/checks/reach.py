"""What a module does beyond computing, which its users have to allow."""

from __future__ import annotations

from collections.abc import Iterator

from tf1hub.checks.findings import ERROR, WARNING, Finding
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.permission import EVERYTHING, MADE_HERE
from tf1hub.trust.refusal import why_unsigned_is_refused
from tf1hub.trust.rules import find_allowed
from tf1hub.trust.scan import capabilities, is_harmless

_REMEDY = (
    "Put files that the graph reads into the collection ASSET_FILEPATHS, or have the caller name them. Whoever trusts the "
    "module as it is gives trust={words}."
)


_SIGN = "Ask its publisher for a signed one, or change the rule; its publisher signs with tf1hub sign."


def reaches(spec: ModuleSpec) -> Iterator[Finding]:
    """Yields a finding for each part that is refused unless its user allows it, and for a signature that is missing."""
    for tags in spec.get_tags():
        unsigned = why_unsigned_is_refused(spec.variant(tags))
        if unsigned:
            yield Finding("not-signed", ERROR, unsigned, _SIGN)
            break
    if EVERYTHING in spec.trusted or is_harmless(spec):
        return
    report = capabilities(spec)
    allowed = spec.trusted | find_allowed(spec.name)
    for part in report.refused:
        deeds = [deed for deed in part.refused if not allowed & {deed.can, EVERYTHING}]
        if not deeds:
            continue
        more = f"; and {len(deeds) - 3} more" if len(deeds) > 3 else ""
        said = "; ".join(f"{deed.can} ({deed.words()})" for deed in deeds[:3])
        words = ", ".join(repr(can) for can in dict.fromkeys(deed.can for deed in deeds))
        yield Finding(
            "reaches-out",
            WARNING if MADE_HERE in spec.trusted else ERROR,
            f"The {part.title} {said}{more}.",
            _REMEDY.format(words="{" + words + "}"),
            part.variant,
        )
