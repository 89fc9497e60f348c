"""The specification's advice to publishers, for modules that others will fine-tune.

"Fine-Tuning, For Publishers" on the page "TF1 Hub format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tf1hub.checks.findings import ADVICE, ERROR, WARNING, Finding
from tf1hub.checks.momentum import momenta
from tf1hub.format import dtypes
from tf1hub.format.saved_model import format_tags
from tf1hub.graphdef.variable_defs import by_name
from tf1hub.graphdef.walk import ancestors
from tf1hub.spec.checkpoint_check import declared_type
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant

MAX_MOMENTUM = 0.99
"""Above it, an average needs more than a hundred steps to follow new data by two thirds."""

_TRAIN = "train"
_MOVING = re.compile(r"moving_(mean|var|variance)(_\d+)?$")
_RANDOM = re.compile(r"^(Stateless)?(RandomUniform|RandomStandardNormal|Bernoulli|Multinomial)")
_SHOWN = 3


def fine_tuning(spec: ModuleSpec) -> Iterator[Finding]:
    """Yields what stands in the way of those who fine-tune the module."""
    for variant in training_variants(spec):
        yield from _regularization(variant)
        yield from _momentum(variant)
        yield from _updates(variant)
    yield from _train_variant(spec)
    yield from _owners(spec)


def training_variants(spec: ModuleSpec) -> list[Variant]:
    """The variants for training: those with the tag `train`, otherwise all."""
    tagged = [variant for variant in spec.variants() if _TRAIN in variant.tags]
    return tagged or spec.variants()


def _regularization(variant: Variant) -> Iterator[Finding]:
    if variant.collection("regularization_losses"):
        return
    weights = [
        part
        for part in variant.variables
        if part.node in variant.trainable_nodes and _is_matrix(variant, part)
    ]
    if weights:
        yield Finding(
            "no-regularization",
            ADVICE,
            f"No regularization loss, but trainable weights: {_some(by_name(weights))}.",
            "Fine-tuning needs regularization: give layers a kernel_regularizer, so that consumers get it "
            "from get_regularization_losses().",
            format_tags(variant.tags),
        )


def _is_matrix(variant: Variant, part: object) -> bool:
    """Weights of two dimensions or more; biases and scales are rarely regularized."""
    dtype, shape = declared_type(variant, part)  # type: ignore[arg-type]  # a StoredVariable
    return dtype in dtypes.FLOATING and (shape is None or len(shape) >= 2)


def _momentum(variant: Variant) -> Iterator[Finding]:
    slow: dict[float, list[str]] = {}
    for name, values in momenta(variant).items():
        if max(values) > MAX_MOMENTUM:
            slow.setdefault(max(values), []).append(name)
    for value, names in sorted(slow.items(), reverse=True):
        steps = (
            "never follow new data"
            if value == 1
            else f"follow new data only after some {1 / (1 - value):,.0f} steps"
        )
        yield Finding(
            "batch-norm-momentum",
            WARNING,
            f"{len(names)} moving averages have the momentum {value:g} ({_some(names)}): they {steps}.",
            f"Fine-tuning with small datasets or large batches needs a momentum of at most {MAX_MOMENTUM:g}.",
            format_tags(variant.tags),
        )


def _updates(variant: Variant) -> Iterator[Finding]:
    training = [
        name for name, node in variant.nodes.items() if node.op.startswith("FusedBatchNorm") and _trains(node)
    ]
    if training and not variant.collection("update_ops") and _TRAIN in variant.tags:
        yield Finding(
            "batch-norm-without-updates",
            WARNING,
            f"{len(training)} batch normalizations use the batch's statistics ({_some(training)}), but no "
            "update op keeps their averages.",
            "Add the updates of the moving averages to the collection UPDATE_OPS in the module_fn.",
            format_tags(variant.tags),
        )


def _trains(node: object) -> bool:
    attrs = node.attr  # type: ignore[attr-defined]  # a NodeDef
    # Written without default-valued attributes, and true is the default.
    return "is_training" not in attrs or bool(attrs["is_training"].b)


def _train_variant(spec: ModuleSpec) -> Iterator[Finding]:
    if any(_TRAIN in variant.tags for variant in spec.variants()):
        return
    reasons = sorted({reason for variant in spec.variants() for reason in _train_reasons(variant)})
    trainable = any(variant.trainable_nodes for variant in spec.variants())
    if reasons and trainable and not any(_has_switch(variant) for variant in spec.variants()):
        yield Finding(
            "no-train-variant",
            WARNING,
            f"No variant has the tag 'train', although the module has {' and '.join(reasons)}.",
            "What differs in training gets a variant of its own: "
            "tags_and_args=[(set(), {'is_training': False}), ({'train'}, {'is_training': True})].",
        )


def _train_reasons(variant: Variant) -> Iterator[str]:
    normalizes = any(node.op.startswith("FusedBatchNorm") for node in variant.nodes.values())
    if normalizes or any(_MOVING.search(part.name) for part in variant.variables):
        yield "batch normalization"
    outputs = [
        tensor
        for name in variant.signature_names
        for info in variant.outputs(name).values()
        for tensor in info.tensor_names
    ]
    if any(_RANDOM.match(variant.nodes[name].op) for name in ancestors(variant.nodes, outputs)):
        yield "dropout"


def _has_switch(variant: Variant) -> bool:
    """Whether a caller says by an input of a signature whether this is training."""
    return any(
        info.dtype_name == "bool" and info.shape == ()
        for name in variant.signature_names
        for info in variant.inputs(name).values()
    )


def _owners(spec: ModuleSpec) -> Iterator[Finding]:
    owned = {variant.tags: set(by_name(variant.variables)) for variant in spec.variants()}
    everything = set().union(*owned.values())
    owners = [tags for tags, names in owned.items() if names == everything]
    if not owners:
        alone = {
            tags: names - set().union(*(others for other, others in owned.items() if other != tags))
            for tags, names in owned.items()
        }
        listed = "; ".join(
            f"only {format_tags(tags)} has {_some(names)}" for tags, names in alone.items() if names
        )
        yield Finding(
            "no-owner-of-all-variables",
            ERROR,
            f"No variant owns all variables: {listed}. A fine-tuned copy cannot be exported from any.",
            "Make one variant, usually {'train'}, create all variables, also those that it does not use.",
        )
        return
    for tags, names in owned.items():
        if _TRAIN in tags and names != everything:
            yield Finding(
                "variables-not-owned",
                WARNING,
                f"Variables of other variants are missing here: {_some(everything - names)}. What is "
                "fine-tuned with this variant cannot be exported.",
                "Create these variables in this variant too.",
                format_tags(tags),
            )


def _some(names: object) -> str:
    listed = sorted(names)  # type: ignore[call-overload]  # any collection of strings
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
