"""Errors of TensorFlow whose words hold bytes of a graph, a file or an input that are no text."""

from __future__ import annotations


def message_of(error: UnicodeDecodeError) -> str:
    """What was said, with the bytes that are no text as escapes.

    TensorFlow cannot make its own message a string then, so that Python only tells where in it such a byte stands.
    """
    return error.object.decode(errors="backslashreplace")
