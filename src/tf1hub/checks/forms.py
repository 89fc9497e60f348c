"""The forms that `tf1hub.convert` can write of a module, found from its graph alone."""

from __future__ import annotations

from collections.abc import Iterator

from tf1hub.checks.findings import FormResult
from tf1hub.converting.form import Form, Options
from tf1hub.converting.registry import FORMS, find_refusals
from tf1hub.spec.module_spec import ModuleSpec, choose_variants


def form_results(spec: ModuleSpec) -> Iterator[FormResult]:
    """Yields what each form takes of a module's variant for inference; no TensorFlow.

    Args:
        spec: the module.
    """
    tags = None if frozenset() in spec.get_tags() else spec.get_tags()[0]
    variants = choose_variants(spec, tags)
    for form in FORMS:
        names = variants[0].signature_names
        in_the_way = find_refusals(form, spec, variants, Options())
        if in_the_way and "signature" in form.options:
            names = [
                name for name in names if not find_refusals(form, spec, variants, Options(signature=name))
            ]
        elif in_the_way:
            names = []
        yield FormResult(form.name, _verdict(form, names), tuple(names), tuple(map(str, in_the_way)))


def _verdict(form: Form, names: list[str]) -> str:
    if not names:
        return "no"
    return "perhaps" if form.asks_converter else "yes"
