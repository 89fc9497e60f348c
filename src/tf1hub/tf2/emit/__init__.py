"""Writing a program down as TF2 code, inside a `tf.function` that is being traced."""

from __future__ import annotations

# Each of these says which op types it writes down.
from tf1hub.tf2.emit import calls, plain, references, tensor_arrays
from tf1hub.tf2.emit.program_run import run
from tf1hub.tf2.emit.scope import Trace

__all__ = ["Trace", "calls", "plain", "references", "run", "tensor_arrays"]
