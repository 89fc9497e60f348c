"""The files of a module's directory: those that make it, and those that publishers add.

What is added is never read by the graph. Where it is known what it is for, that is said here.
"""

from __future__ import annotations

import re

__all__ = ["SIGNATURE_FILE_NAME", "is_added", "is_module_directory", "is_module_file", "purpose"]

SIGNATURE_FILE_NAME = "model.sig"
"""The name that the command of OpenSSF Model Signing gives to a publisher's signature."""

_OWN = re.compile(
    r"saved_model\.pb|saved_model\.pbtxt|tfhub_module\.pb"
    r"|variables/variables\.index|variables/variables\.data-\d{5}-of-\d{5}"
)
_DIRECTORY = re.compile(r"variables|debug|assets(?:\.extra)?(?:/.+)?")
_KNOWN = [
    (re.compile(pattern), purpose)
    for pattern, purpose in (
        (
            r"smart_module\.pb",
            "how inputs and outputs are nested, for DeepMind's own loader; also attached as 'signature_info'",
        ),
        (re.escape(SIGNATURE_FILE_NAME), "the publisher's signature (tf1hub verify-signature)"),
        (r"fingerprint\.pb", "by what TensorFlow tells SavedModels apart"),
        (r"keras_metadata\.pb", "how Keras 2 builds the layers of the model again"),
        (r"debug/saved_model_debug_info\.pb", "where in the publisher's program the ops were made"),
        (r"variables/checkpoint", "what tf.train.Saver notes of its newest checkpoint"),
        (r"policy_specs\.pbtxt", "what a policy of TF-Agents takes and gives"),
        (r"pipeline\.config", "how the Object Detection API trained it"),
        (r"params\.ya?ml", "how the TensorFlow Model Garden trained it"),
        (r"[\w.-]+\.gin", "how its publisher's program was configured (gin)"),
        (r"label[\w-]*\.(?:txt|csv|pbtxt|json)", "the names of classes"),
        (r"(?:LICENSE|NOTICE)(?:\.(?:md|txt))?", "the terms of use"),
        (r"(?:README|CHANGELOG)(?:\.(?:md|txt))?", "documentation"),
        (r"assets\.extra/tf_serving_warmup_requests", "what TensorFlow Serving warms up with"),
        (r"assets\.extra/.+", "for programs of the publisher's"),
        (r"assets/.+", "an asset that no variant names"),
    )
]
# Notes and tables that publishers put beside a module. Nothing runs them: no programs, no pickles, nothing
# hidden, and nothing in folders of its own.
_DATA = re.compile(r"\w[\w.-]*\.(?:pb|pbtxt|txt|md|json|csv|tsv|ya?ml|gin|config|cfg|html|pdf|png|jpe?g|svg)")


def is_module_file(name: str) -> bool:
    """Returns whether a module or SavedModel can have a file of this name, its path below the directory.

    Example:
        >>> [is_module_file(name) for name in ("saved_model.pb", "smart_module.pb", "setup.py")]
        [True, True, False]
    """
    return bool(
        _OWN.fullmatch(name) or _DATA.fullmatch(name) or any(known.fullmatch(name) for known, _ in _KNOWN)
    )


def is_module_directory(name: str) -> bool:
    """Returns whether a module or SavedModel can have a directory of this name."""
    return _DIRECTORY.fullmatch(name) is not None


def is_added(name: str) -> bool:
    """Returns whether a file is none of those that the format is made of; whether an asset is, the graph says."""
    return not _OWN.fullmatch(name)


def purpose(name: str) -> str:
    """Returns what an added file is for, in words; `""` where that is not known.

    Example:
        >>> purpose("LICENSE"), purpose("notes.txt")
        ('the terms of use', '')
    """
    return next((words for known, words in _KNOWN if known.fullmatch(name)), "")
