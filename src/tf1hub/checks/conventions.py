"""Which common signatures a module meets, and what it misses of those that it aims at."""

from __future__ import annotations

from collections.abc import Iterator

from tf1hub.checks.findings import ADVICE, WARNING, CommonSignatureResult, Finding
from tf1hub.format.attachments import IMAGE_MODULE_INFO_KEY
from tf1hub.format.saved_model import format_tags
from tf1hub.spec.common_signatures import IMAGE_CLASSIFICATION, IMAGE_FEATURE_VECTOR, find_intended, misses
from tf1hub.spec.inspection import describe_signature
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant

_IMAGE_SIGNATURES = (IMAGE_FEATURE_VECTOR.signature, IMAGE_CLASSIFICATION.signature)


def common_signature_results(spec: ModuleSpec) -> Iterator[CommonSignatureResult]:
    """Yields, for each signature that aims at a common one, what it misses."""
    for variant in spec.variants():
        for name in variant.signature_names:
            described = describe_signature(variant, name)
            common = find_intended(name, described.inputs, described.outputs)
            if common is not None:
                missed = tuple(misses(common, described.inputs, described.outputs))
                yield CommonSignatureResult(format_tags(variant.tags), name, common.name, missed)


def convention_findings(spec: ModuleSpec, results: list[CommonSignatureResult]) -> Iterator[Finding]:
    """Yields a finding for each common signature that is aimed at and missed, and what belongs to them."""
    for result in results:
        if result.misses:
            yield Finding(
                "common-signature",
                WARNING,
                f"The signature {result.signature!r} does not keep the convention {result.common}: {' '.join(result.misses)}",
                "A common signature kept in full lets consumers swap modules by their handle alone.",
                result.variant,
            )
    for variant in spec.variants():
        yield from _default_signature(variant)
        yield from _image_size(variant)


def _default_signature(variant: Variant) -> Iterator[Finding]:
    where = format_tags(variant.tags)
    names = variant.signature_names
    if DEFAULT_SIGNATURE not in names:
        yield Finding(
            "no-default-signature",
            WARNING,
            f"There is no signature 'default', so module(x) fails. There are: {', '.join(names)}.",
            "Add one that does the most usual thing: add_signature(inputs=x, outputs=y).",
            where,
        )
        return
    images = [name for name in _IMAGE_SIGNATURES if name in names]
    if images and not any(_does_the_same(variant, name) for name in images):
        yield Finding(
            "default-differs",
            ADVICE,
            f"The signature 'default' does not do the same as {' or '.join(map(repr, images))}.",
            "The unnamed signature of an image module takes the images as its one input and gives the same.",
            where,
        )


def _does_the_same(variant: Variant, name: str) -> bool:
    """Whether `default` and the named signature have one input of the same type and the same main output."""
    default_inputs, inputs = list(variant.inputs().values()), list(variant.inputs(name).values())
    return default_inputs == inputs and variant.outputs().get("default") == variant.outputs(name).get(
        "default"
    )


def _image_size(variant: Variant) -> Iterator[Finding]:
    if IMAGE_MODULE_INFO_KEY in variant.attachments:
        return
    for name in _IMAGE_SIGNATURES:
        if name not in variant.signature_names:
            continue
        images = variant.inputs(name).get("images")
        if images is not None and images.shape is not None and None in images.shape[1:3]:
            yield Finding(
                "no-image-size",
                ADVICE,
                f"The signature {name!r} takes images of any size; no ImageModuleInfo tells which is best.",
                "Call attach_image_module_info in the module_fn, with the size that it was trained for.",
                format_tags(variant.tags),
            )
            return
