"""Errors of TensorFlow while it builds or initializes a module's graph become errors that name the module.

A graph that was damaged passes every check that does not know its ops; TensorFlow and what reads the graph
for it then fail in any way, at any place.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError

from tf1hub.errors import CheckpointError, Error, FormatError, UnsupportedGraphError
from tf1hub.spec.undecoded_message import message_of
from tf1hub.spec.variant import Variant

_NOT_BUILT = "TensorFlow {version} cannot build the graph of {where}: {reason}"
_NOT_FILLED = "The variables and tables of {where} cannot be initialized: {reason}"
# A plain RuntimeError is about the program: a graph that is finalized, a function that is being traced.
_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    DecodeError,  # of a field that our messages do not have
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)
# In which of TensorFlow's functions it was, by a name that TensorFlow made up.
_INSIDE = re.compile(r"^\{\{function_node [^}]*\}\} ", re.MULTILINE)
_OF_THE_FILES = (
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.OutOfRangeError,
    UnicodeDecodeError,
)


@contextlib.contextmanager
def building(variant: Variant) -> Iterator[None]:
    """A context in which ops of a variant are made.

    Raises:
        UnsupportedGraphError: that fails, with the reason that TensorFlow has where it has one.
    """
    try:
        yield
    except Error:
        raise
    except _FAILURES as error:
        why = _refusal(variant) if _tells_nothing(error) else ""
        text = _NOT_BUILT.format(version=tf.__version__, where=variant.where, reason=why or reason(error))
        raise UnsupportedGraphError(text) from error


@contextlib.contextmanager
def initializing(where: str) -> Iterator[None]:
    """A context in which variables are restored and tables filled.

    Args:
        where: the variant in words.

    Raises:
        CheckpointError: the checkpoint is damaged.
        FormatError: an asset is.
        UnsupportedGraphError: this TensorFlow cannot run it.
    """
    try:
        yield
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        text = _NOT_FILLED.format(where=where, reason=reason(error))
        if isinstance(error, tf.errors.DataLossError):
            raise CheckpointError(text) from error
        if isinstance(error, _OF_THE_FILES):
            raise FormatError(text) from error
        raise UnsupportedGraphError(text) from error


def reason(error: Exception) -> str:
    """The line of the error that gives the reason; TensorFlow wraps it in a trace of names."""
    said = message_of(error) if isinstance(error, UnicodeDecodeError) else getattr(error, "message", error)
    text = _INSIDE.sub("", str(said))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marks = [number for number, line in enumerate(lines) if line.startswith("[[")]
    if isinstance(error, tf.errors.OpError) and marks and marks[0]:
        return lines[marks[0] - 1]
    if isinstance(error, DecodeError):
        return f"a field of its message is damaged: {' '.join(lines)}"
    if not lines or _tells_nothing(error):
        return f"{type(error).__name__} {lines[0] if lines else ''}".strip()
    return lines[0]


def _tells_nothing(error: Exception) -> bool:
    """Whether an error is no sentence: a name that was looked for, or something that should have been."""
    return isinstance(error, LookupError | AttributeError | AssertionError)


def _refusal(variant: Variant) -> str:
    """Why TensorFlow's own importer refuses a variant's graph; empty where it does not."""
    try:
        message = tf.compat.v1.GraphDef.FromString(variant.meta_graph.graph_def.SerializeToString())
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(message, name="")
    except (ValueError, KeyError, TypeError, DecodeError, tf.errors.OpError) as error:
        return reason(error)
    return ""
