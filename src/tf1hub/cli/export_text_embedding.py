"""`tf1hub export-text-embedding`: a file of word vectors becomes a module for texts."""

from __future__ import annotations

import argparse
from typing import Any

from tf1hub.cli import _exit
from tf1hub.cli._output import add_output_options, add_progress_option, emit, progress_of

_FORMATS = ("glove", "word2vec", "word2vec-binary", "fasttext")


def register(subparsers: Any) -> None:
    """Adds the verb."""
    parser = subparsers.add_parser(
        "export-text-embedding",
        help="make a text module of a file of word vectors",
        description="Makes a module of a file of word vectors: GloVe, word2vec (text or binary), fastText .vec; "
        "packed with gzip or not. Its signature takes texts and gives a vector for each.",
    )
    parser.add_argument("file", metavar="FILE", help="the word vectors")
    parser.add_argument("out", metavar="OUT", help="the new module's directory")
    parser.add_argument("--format", choices=_FORMATS, help="what FILE is (default: found out)")
    parser.add_argument("--limit", type=int, metavar="N", help="take the first N vectors only")
    parser.add_argument(
        "--tokenize",
        choices=("words", "spaces", "none"),
        default="words",
        help="words: remove punctuation and split at spaces; spaces: only split; none: each string is one word "
        "(default: words)",
    )
    parser.add_argument("--lowercase", action="store_true", help="lowercase the words of FILE and the texts")
    parser.add_argument(
        "--combiner",
        choices=("sum", "mean", "sqrtn"),
        default="sqrtn",
        help="how the words' vectors become one (default: sqrtn)",
    )
    parser.add_argument("--l2-normalize", action="store_true", help="scale each vector to length 1")
    parser.add_argument(
        "--num-oov-buckets",
        type=int,
        default=1,
        metavar="N",
        help="vectors that unknown words share; 0 leaves those words out (default: 1)",
    )
    parser.add_argument(
        "--num-partitions", type=int, default=1, metavar="N", help="parts of the variable (default: 1)"
    )
    add_progress_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exports, and prints what was written and what was odd in the file."""
    from tf1hub.publish import text_embedding

    made = text_embedding(
        args.file,
        args.out,
        format=args.format,
        limit=args.limit,
        tokenize=None if args.tokenize == "none" else args.tokenize,
        lowercase=args.lowercase,
        combiner=args.combiner,
        l2_normalize=args.l2_normalize,
        num_oov_buckets=args.num_oov_buckets,
        num_partitions=args.num_partitions,
        progress=progress_of(args),
    )
    document = {
        "path": made.path,
        "format": made.format,
        "vectors": made.vectors,
        "dimensions": made.dimensions,
        "problem_counts": dict(made.problem_counts),
        "problems": [
            {"line": problem.line, "kind": problem.kind, "detail": problem.detail}
            for problem in made.problems
        ],
    }
    emit(args, str(made), document)
    return _exit.OK
