"""`tf1hub apply`: a module applied to all rows of a source."""

from __future__ import annotations

import argparse
import dataclasses
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
from tf1hub.errors import ArgumentError
from tf1hub.progress import shown


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "apply",
        help="apply a module to all rows of a file, a folder or a pattern",
        description="Applies a module to all rows of SOURCE: Parquet, CSV, JSON lines, TFRecord, texts (a line each), .npy, "
        ".npz, or images; a file, a folder of such files, or a pattern in quotes. TARGET is a new directory of parts, or a "
        "file, .parquet or .npy. The same command goes on where an earlier run ended, however that did. Exit codes: 0 all rows "
        "are done, 1 some rows could not be computed, as TARGET says; the others as for every verb.",
    )
    parser.add_argument("handle", metavar="HANDLE", help="a path, a URL, or whatever else names a module")
    parser.add_argument("source", metavar="SOURCE", help="a path, a URL, or a pattern such as 'data/*.jpg'")
    parser.add_argument("target", metavar="TARGET", help="a new directory, or a file .parquet or .npy")
    parser.add_argument(
        "--column",
        action="append",
        metavar="[INPUT=]COLUMN,...",
        help="the column of an input, or several that are its numbers; may be repeated (default: the one of its name, or the "
        "only one)",
    )
    parser.add_argument(
        "--keep", metavar="COLUMN,...", help="the columns to carry along, '' for none (default: all others)"
    )
    parser.add_argument("--signature", metavar="NAME", help="the signature (default: 'default')")
    parser.add_argument("--tags", metavar="TAG,...", help="the graph variant (default: that for inference)")
    parser.add_argument(
        "--output",
        action="append",
        metavar="[NAME=]TENSOR",
        help="an output that is wanted, called NAME; may be repeated (default: all of the signature)",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help="auto, jax, numpy, onnx or tensorflow (default: tensorflow where it is installed, else auto)",
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        help="what the files are: parquet, csv, jsonl, tfrecord, text, npy, npz, image (default: as their names end)",
    )
    parser.add_argument(
        "--decode",
        choices=("image",),
        help="decode a column of bytes as files of images (such files are anyhow)",
    )
    parser.add_argument(
        "--batch-size", default="auto", metavar="N", help="rows that are computed at once (default: measured)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="how many there are in all (default: one for each processor)",
    )
    parser.add_argument(
        "--on-error",
        choices=("column", "file", "raise"),
        help="what becomes of rows that cannot be computed: told in the column 'error', told in lines of JSON beside the "
        "target, or the end of the run (default: column, for .npy file)",
    )
    parser.add_argument(
        "--part-rows", type=int, default=65536, metavar="N", help="rows of a part (default: 65536)"
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

        done = tf1hub.apply(
            args.handle,
            args.source,
            args.target,
            signature=args.signature,
            tags=None if args.tags is None else _words(args.tags),
            engine=args.engine,
            outputs=_outputs(args.output),
            columns=_columns(args.column),
            keep=None if args.keep is None else _words(args.keep),
            kind=args.kind,
            decode=args.decode,
            batch_size=_batch_size(args.batch_size),
            threads=args.threads,
            on_error=args.on_error,
            part_rows=args.part_rows,
            trust=trust_of(args),
        )
    resumed = f", {done.resumed:,} of them by an earlier run" if done.resumed else ""
    wrong = f"; {done.errors:,} could not be computed" if done.errors else ""
    parts = "" if done.parts == 1 else f" in {done.parts:,} parts"
    text = f"{done.target}: {done.rows:,} rows{parts}{resumed}{wrong}"
    emit(args, text, dataclasses.asdict(done))
    return _exit.FOUND_FAULT if done.errors else _exit.OK


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _columns(given: list[str] | None) -> Any:
    """What `columns=` takes."""
    if not given:
        return None
    if len(given) == 1 and "=" not in given[0] and "," not in given[0]:
        return given[0]
    pairs = [text.rpartition("=") for text in given]
    return {name or "default": _words(columns) for name, _, columns in pairs}


def _outputs(given: list[str] | None) -> dict[str, str] | None:
    """What `outputs=` takes."""
    if not given:
        return None
    pairs = [text.partition("=") for text in given]
    return {name: tensor or name for name, _, tensor in pairs}


def _batch_size(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal():
        raise ArgumentError(f"--batch-size is a number or auto; it was given {text!r}.")
    return int(text)
