"""What releases before TensorFlow 1.15 cannot do with modules of today, and why. It runs on Python 3.6.

The list is held in both directions: a fault that is not in it is one, and so is an entry that nothing meets.
"""

import re

_LACKS_OPS = (
    "Graph ops missing from the python registry|No gradient defined for operation .*AddV2",
    "today's TensorFlow writes ops that this one does not have, or has no gradient for",
)
_LACKS_RAGGED = ("no attribute 'RaggedTensor'", "ragged tensors came with TensorFlow 1.13")

CANNOT = {
    "1.12": [_LACKS_OPS, _LACKS_RAGGED],
    "1.7": [
        _LACKS_OPS,
        ("Unsupported collections in graph: .'hub_module_attachments'", "library 0.1.0 has no attachments"),
        ("logits must be 2-dimensional", "its softmax takes matrices only"),
        # As old_modules.py has it too.
        ("^fine-tuning: w differs", "it loses the gradients of resource variables in conds"),
    ],
}


def reasons(version):
    """The patterns of faults, each with its reason, of a version of TensorFlow."""
    return [(re.compile(p), why) for p, why in CANNOT.get(version.rpartition(".")[0], [])]


def reason_of(fault, known):
    """Why a fault is none; None where it is one."""
    return next((why for pattern, why in known if pattern.search(fault)), None)
