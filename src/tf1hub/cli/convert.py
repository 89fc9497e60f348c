"""`tf1hub convert`: a TF1 module in another form."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tf1hub.cli import _exit
from tf1hub.cli._output import (
    add_import_option,
    add_output_options,
    add_progress_option,
    add_trust_option,
    print_json,
    progress_of,
    table,
    title,
    trust_of,
)
from tf1hub.progress import shown

if TYPE_CHECKING:
    from tf1hub.converting.conversion import Conversion


FORM_NAMES = ("saved_model", "frozen_graph", "tflite", "onnx", "safetensors", "stablehlo")
"""What `--to` takes; written down, because the forms themselves take time to import."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "convert",
        help="make a SavedModel, or another form, of a module, checked against it",
        description="Writes a self-contained SavedModel of TensorFlow 2: callable and trainable in TensorFlow 2, "
        "with signatures for serving tools; or another form. It appears at PATH when it was opened again and its numbers "
        "were compared with the module's, on generated inputs. Exit codes: 0 converted, 1 the numbers differ or PATH "
        "is taken; the others as for every verb.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="a path, a URL, or whatever else names a module")
    parser.add_argument("path", metavar="PATH", help="the new directory or file")
    parser.add_argument(
        "--to", default="saved_model", metavar="FORM", help=f"{', '.join(FORM_NAMES)} (default: saved_model)"
    )
    parser.add_argument(
        "--tags", metavar="TAG,...", help="the graph variant (default: that for inference, and train)"
    )
    parser.add_argument(
        "--frozen", dest="trainable", action="store_false", help="mark no variable as trainable"
    )
    parser.add_argument(
        "--serving-default",
        metavar="NAME",
        help="the signature that serving tools call by default (default: 'default', or the only one)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="T",
        help="how far an output may be from the module's, relative to its largest value (default: 1e-4)",
    )
    parser.add_argument(
        "--constants",
        action="store_true",
        help="of a SavedModel: leave no variable; it cannot be trained then",
    )
    parser.add_argument(
        "--signature",
        metavar="NAME",
        help="of frozen_graph and tflite: the only signature to write (default: all); of onnx: the one to write "
        "(default: 'default', or the only one)",
    )
    parser.add_argument(
        "--strings",
        default="host",
        metavar="WHERE",
        help="of onnx: where ops on strings run, host (beside the model, default) or graph (in it)",
    )
    add_import_option(parser)
    add_trust_option(parser)
    add_progress_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with shown(progress_of(args)) as say:
        say("starting")
        import tf1hub

        conversion = tf1hub.convert(
            args.handle,
            args.path,
            to=args.to,
            tags=None if args.tags is None else [tag for tag in args.tags.split(",") if tag],
            trainable=args.trainable,
            serving_default=args.serving_default,
            frozen=args.constants,
            signature=args.signature,
            strings=args.strings,
            trust=trust_of(args),
            **({} if args.tolerance is None else {"tolerance": args.tolerance}),
        )
    if args.json:
        print_json(conversion.to_dict())
    elif not args.quiet:
        print("\n\n".join(sections(conversion)))
    elif not conversion.all_compared:
        whole = sum(not row.not_compared for row in conversion.compared)
        print(
            f"{whole} of {len(conversion.compared)} outputs were compared on all inputs; without --quiet the table says why.",
            file=sys.stderr,
        )
    return _exit.OK


def sections(conversion: Conversion) -> Iterator[str]:
    """Yields the parts of the text."""
    yield title(conversion.path)
    served = [(name, ", ".join(inputs) or "-") for name, inputs in conversion.signatures.items()]
    if served:
        where = "signatures of the tag serve" if conversion.to == "saved_model" else "signatures"
        yield title(where) + "\n" + table(("signature", "inputs"), served)
    tensors = [
        (name, kind, key, tensor)
        for name, parts in conversion.tensors.items()
        for kind, named in parts.items()
        for key, tensor in named.items()
    ]
    if tensors:
        yield title("tensors") + "\n" + table(("signature", "", "name", "tensor"), tensors)
    rows = [
        (
            row.variant,
            row.signature,
            row.output,
            str(len(row.inputs)),
            "-" if row.max_abs is None else f"{row.max_abs:.2g}",
            "-" if row.max_rel is None else f"{row.max_rel:.2g}",
        )
        for row in conversion.compared
    ]
    header = ("variant", "signature", "output", "runs", "largest difference", "of the largest value")
    yield title("compared with the module") + "\n" + table(header, rows, right=(3, 4, 5))
    yield from conversion.notes
    notes = [
        f"{row.variant} {row.signature}: {row.output} was not compared{' on all inputs' if row.inputs else ''}: "
        f"{row.not_compared}"
        for row in conversion.compared
        if row.not_compared
    ]
    if notes:
        yield "\n".join(dict.fromkeys(notes))
