"""V2 checkpoints (TensorFlow's tensor bundle), read and written without TensorFlow.

    prefix.index                  a sorted string table: names, and where their bytes lie      sstable, index
    prefix.data-00000-of-00001    the tensors, one after the other                             shards, strings, arrays
"""

from tf1hub.format.checkpoint.reader import CheckpointReader
from tf1hub.format.checkpoint.slices import Slice
from tf1hub.format.checkpoint.variables import Variables, read_variables
from tf1hub.format.checkpoint.writer import CheckpointWriter

__all__ = ["CheckpointReader", "CheckpointWriter", "Slice", "Variables", "read_variables"]
