"""`tf1hub show`: what a module has, as tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tf1hub.cli import _exit
from tf1hub.cli._output import add_output_options, emit, human_bytes, print_json, table, title
from tf1hub.format.saved_model import format_tags
from tf1hub.graphdef.op_packages import package_of

if TYPE_CHECKING:
    from tf1hub.spec.description import (
        ModuleDescription,
        SignatureDescription,
        VariableDescription,
        VariantDescription,
    )
    from tf1hub.spec.graph_tensors import GraphTensor
    from tf1hub.spec.module_spec import ModuleSpec
    from tf1hub.spec.variant import Variant

ROWS = 40


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "show",
        help="show a module's signatures, variables, assets, attachments and ops",
        description="Shows what a module has: variants, signatures with types and shapes, variables with "
        "totals, assets, attachments, ops, and where it comes from. Needs no TensorFlow.",
    )
    parser.add_argument("handle", help="a path, a URL, or whatever else names a module")
    parser.add_argument(
        "--tensors",
        metavar="PATTERN",
        help="instead, the tensors of the graphs whose name has this part, or is like this pattern of a shell "
        "('*/Relu'): what outputs= of KerasLayer and with_outputs() take",
    )
    parser.add_argument(
        "--graph",
        metavar="FILE",
        help="instead, writes the graph as a picture by its scopes (SVG, for a browser: a scope that is closed leads "
        "to a picture of what is inside)",
    )
    parser.add_argument(
        "--open",
        action="append",
        metavar="PATTERN",
        help="with --graph, a scope that is open, by its name or a pattern of a shell ('*/layer_0'); may be repeated "
        "(default: outer ones, while they are few)",
    )
    parser.add_argument(
        "--tags", metavar="TAG,TAG", help="with --graph, the variant (default: the inference variant)"
    )
    parser.add_argument(
        "--signature",
        action="append",
        metavar="NAME",
        help="with --graph, a signature to draw; may be repeated (default: all)",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"all rows of each table, not only the first {ROWS}"
    )
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.spec.inspection import inspect
    from tf1hub.spec.module_spec import load_module_spec

    if args.graph is not None:
        return _run_graph(args)
    if args.tensors is not None:
        return _run_tensors(args)
    spec = load_module_spec(args.handle)
    description = inspect(spec)
    if args.json:
        print_json(description.to_dict())
    elif not args.quiet:
        parts = sections(description, None if args.all else ROWS)
        print("\n\n".join([*parts, *_capabilities(spec, None if args.all else ROWS)]))
    return _exit.OK


def _capabilities(spec: ModuleSpec, limit: int | None) -> Iterator[str]:
    """What the module does that is refused unless it is allowed."""
    from tf1hub.trust.scan import capabilities, is_harmless

    if is_harmless(spec):
        return
    from tf1hub.cli.scan import rows_of

    report = capabilities(spec)
    if not report.ok:
        yield from _section(report.verdict(), [("variant", "part", "can", "by"), *rows_of(report)], limit)


def _run_graph(args: argparse.Namespace) -> int:
    from tf1hub.drawing.graph_picture import draw

    tags = [tag for tag in (args.tags or "").split(",") if tag]
    picture = draw(args.handle, tags, args.signature)
    picture.save(args.graph, None if args.open is None else picture.find_scopes(args.open))
    found = {
        "file": args.graph,
        "drawn": picture.drawn,
        "left_out": picture.left_out,
        "scopes": picture.scopes,
    }
    text = (
        f"{args.graph}: {picture.drawn:,} ops in {len(picture.scopes):,} scopes. {picture.left_out:,} more are not drawn: "
        "they initialize, save and restore, or nothing reaches them."
    )
    emit(args, text, found)
    return _exit.OK


def _run_tensors(args: argparse.Namespace) -> int:
    from tf1hub.spec.module_spec import load_module_spec

    spec = load_module_spec(args.handle)
    found = [(variant, spec.find_tensors(args.tensors, variant.tags)) for variant in spec.variants()]
    if args.json:
        tensors = [
            {"variant": sorted(variant.tags), **tensor._asdict()}
            for variant, rows in found
            for tensor in rows
        ]
        print_json({"name": spec.name, "tensors": tensors})
    elif not args.quiet:
        parts = list(_tensors(found, None if args.all else ROWS))
        print("\n\n".join(parts) or f"No tensor of {spec.name} has a name like {args.tensors!r}.")
    return _exit.OK


def _tensors(found: Sequence[tuple[Variant, Sequence[GraphTensor]]], limit: int | None) -> Iterator[str]:
    """A table for each set of tensors; variants that have the same ones share it."""
    from tf1hub.spec.description import shape_text

    alike: dict[tuple[GraphTensor, ...], list[Variant]] = {}
    for variant, tensors in found:
        alike.setdefault(tuple(tensors), []).append(variant)
    for tensors, variants in alike.items():
        rows = [
            (each.name, each.op, each.dtype, shape_text(each.shape), ", ".join(each.signatures))
            for each in tensors
        ]
        names = " and ".join(format_tags(variant.tags) for variant in variants)
        header = ("name", "op", "type", "shape", "of the signatures")
        yield from _section(f"tensors of {names}", [header, *rows], limit)


def sections(module: ModuleDescription, limit: int | None) -> Iterator[str]:
    """Yields the parts of the text, those that have something to say."""
    yield title(module.name) + "\n" + _summary(module)
    yield from _signatures(module)
    yield from _section("variables", _variables(module), limit, right=(3, 4))
    assets = [
        (asset.name, "" if asset.bytes is None else human_bytes(asset.bytes)) for asset in module.assets
    ]
    yield from _section("assets", [("name", "size"), *assets], limit, right=(1,))
    files = [(file.name, human_bytes(file.bytes), file.purpose) for file in module.files]
    yield from _section(
        "files beside the module, which it does not read",
        [("name", "size", "what for"), *files],
        limit,
        right=(1,),
    )
    yield from _section("attachments", _attachments(module), limit)
    unused = [("name",), *((key,) for key in module.unused)]
    yield from _section("in the checkpoint, but no variable of any variant", unused, limit)
    counts = _ops(module)
    yield from _section("ops", counts, limit, right=range(1, len(counts[0])))
    brought = [
        (op, found.package, found.module) for op, *_ in counts[1:] if (found := package_of(op)) is not None
    ]
    yield from _section("ops of packages", [("op", "package", "import"), *sorted(brought)], limit)


def _section(
    name: str, rows: Sequence[Sequence[str]], limit: int | None, right: Sequence[int] = ()
) -> Iterator[str]:
    header, body = rows[0], rows[1:]
    if not body:
        return
    shown = body if limit is None else body[:limit]
    more = len(body) - len(shown)
    rest = f"\n... and {more} more rows; --all shows them" if more else ""
    yield f"{title(name)}\n{table(header, shown, right)}{rest}"


def _summary(module: ModuleDescription) -> str:
    provenance = module.provenance
    made = ", ".join(provenance.tensorflow_versions) or "a version that it does not tell"
    producers = ", ".join(map(str, provenance.producers))
    lines = [
        ("made by", f"TensorFlow {made} (graph producer {producers})"),
        ("handle", provenance.handle),
        ("source", provenance.source),
        ("downloaded", provenance.time),
        ("digest", provenance.digest),
        ("variants", ", ".join(_variant_summary(variant) for variant in module.variants)),
        ("variables", _totals(module)),
        ("assets", f"{len(module.assets)}, {human_bytes(module.asset_bytes)}" if module.assets else None),
    ]
    return "\n".join(f"{name:<11} {value}" for name, value in lines if value)


def _variant_summary(variant: VariantDescription) -> str:
    parts = [f"{variant.nodes:,} nodes"]
    for count, noun in (
        (variant.update_ops, "update op"),
        (variant.regularization_losses, "regularization loss"),
        (variant.tables, "table"),
    ):
        if count:
            plural = "es" if noun.endswith("s") else "s"
            parts.append(f"{count:,} {noun}{'' if count == 1 else plural}")
    return f"{variant.name} ({', '.join(parts)})"


def _totals(module: ModuleDescription) -> str:
    if not module.variables:
        return "none"
    return (
        f"{len(module.variables):,} with {module.parameters:,} parameters ("
        f"{human_bytes(module.variable_bytes)}), {module.trainable_parameters:,} of them trainable"
    )


def _signatures(module: ModuleDescription) -> Iterator[str]:
    """Variants whose signatures are the same share a table: inference and training mostly do."""
    alike: list[tuple[tuple[SignatureDescription, ...], list[str]]] = []
    for variant in module.variants:
        for signatures, names in alike:
            if signatures == variant.signatures:
                names.append(variant.name)
                break
        else:
            alike.append((variant.signatures, [variant.name]))
    for signatures, names in alike:
        rows = [row for signature in signatures for row in _signature_rows(signature)]
        yield from _section(
            f"signatures of {' and '.join(names)}", [("signature", "", "name", "type", "shape"), *rows], None
        )


def _signature_rows(signature: SignatureDescription) -> Iterator[Sequence[str]]:
    from tf1hub.spec.description import shape_text

    label = signature.name
    for direction, tensors in (("in", signature.inputs), ("out", signature.outputs)):
        for name, tensor in tensors.items():
            kind = tensor.dtype if tensor.kind == "dense" else f"{tensor.kind} {tensor.dtype}"
            yield label, direction, name, kind, shape_text(tensor.shape)
            label = ""
    if signature.meets:
        yield label, "meets", ", ".join(signature.meets), "", ""


def _variables(module: ModuleDescription) -> list[Sequence[str]]:
    from tf1hub.spec.description import shape_text

    every = {variant.tags for variant in module.variants}

    def notes(variable: VariableDescription) -> Iterator[str]:
        if variable.trainable:
            yield "trainable"
        if not variable.is_resource:
            yield "ref"
        if variable.parts > 1:
            yield f"{variable.parts} parts"
        if set(variable.variants) != every:
            yield "only in " + ", ".join(
                variant.name for variant in module.variants if variant.tags in variable.variants
            )

    rows: list[Sequence[str]] = [("name", "type", "shape", "elements", "size", "")]
    for variable in module.variables:
        elements = "" if variable.elements is None else f"{variable.elements:,}"
        size = "" if variable.bytes is None else human_bytes(variable.bytes)
        rows.append(
            (
                variable.name,
                variable.dtype,
                shape_text(variable.shape),
                elements,
                size,
                ", ".join(notes(variable)),
            )
        )
    return rows


def _attachments(module: ModuleDescription) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("variant", "key", "size", "message")]
    for variant in module.variants:
        for attachment in variant.attachments:
            shown = "" if attachment.value is None else _fields(attachment.value)
            rows.append((variant.name, attachment.key, human_bytes(attachment.bytes), shown))
    return rows


def _fields(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(
        f"{name}: {{{_fields(inner)}}}" if isinstance(inner, dict) else f"{name}: {inner}"
        for name, inner in value.items()
    )


def _ops(module: ModuleDescription) -> list[Sequence[str]]:
    names = {name for variant in module.variants for name in variant.ops}
    counts = [(name, [variant.ops.get(name, 0) for variant in module.variants]) for name in names]
    counts.sort(key=lambda row: (-max(row[1]), row[0]))
    header = ("op", *(variant.name for variant in module.variants))
    return [header, *((name, *(f"{count:,}" for count in each)) for name, each in counts)]
