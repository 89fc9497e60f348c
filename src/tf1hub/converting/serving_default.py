"""The signature that serving tools call where their caller names none."""

from __future__ import annotations

from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant

SERVING_DEFAULT = "serving_default"
"""What serving tools call it."""


def choose_default_signature(variant: Variant, asked_for: str | None) -> str | None:
    """The signature of a module that also is `serving_default`; None for none.

    Args:
        variant: whose signatures there are.
        asked_for: the one that the caller names.

    Raises:
        UnknownSignatureError: there is no such signature.
    """
    if asked_for is not None:
        return variant.check_signature(asked_for)
    names = variant.signature_names
    for name in (SERVING_DEFAULT, DEFAULT_SIGNATURE):
        if name in names:
            return name
    return names[0] if len(names) == 1 else None
