"""`tf1hub compare`: which of several modules suits a task."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit
from tf1hub.cli._output import (
    add_import_option,
    add_output_options,
    add_progress_option,
    add_trust_option,
    emit,
    progress_of,
    trust_of,
)


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "compare",
        help="compare modules on a labelled set of texts or images",
        description="Computes the features of each module for a labelled set, fits a linear classifier on them, "
        "and prints accuracy, feature width, time per example and memory, best first.",
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help="the modules")
    parser.add_argument(
        "--task",
        required=True,
        metavar="PATH",
        help="a .csv or .tsv file with a header, a folder with a folder of images per class, "
        "or a .npz file with x and y",
    )
    parser.add_argument("--text-column", metavar="NAME", help="the column of a CSV file with the texts")
    parser.add_argument("--label-column", metavar="NAME", help="the column of a CSV file with the labels")
    parser.add_argument("--plot", metavar="FILE", help="draw accuracy over time to FILE (.png, .svg, .pdf)")
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="examples at once (default: 32)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the split (default: 0)")
    parser.add_argument("--features-dir", metavar="DIR", help="where features are kept between runs")
    parser.add_argument("--no-cache", action="store_true", help="compute all features anew, and keep none")
    add_import_option(parser)
    add_trust_option(parser)
    add_progress_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from tf1hub.comparing import compare

    result = compare(
        args.handles,
        args.task,
        batch_size=args.batch_size,
        seed=args.seed,
        cache_dir=args.features_dir or None,
        keep_features=not args.no_cache,
        text_column=args.text_column,
        label_column=args.label_column,
        progress=progress_of(args),
        trust=trust_of(args),
    )
    if args.plot:
        result.plot(args.plot)
    emit(args, str(result), result.to_dict())
    return _exit.OK
