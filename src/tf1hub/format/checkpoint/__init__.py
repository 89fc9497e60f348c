"""V2 checkpoints (TensorFlow's tensor bundle), read and written without TensorFlow.

A checkpoint is `<prefix>.index`, a sorted string table (`sstable`) of names and places (`index`), and the
data files `<prefix>.data-00000-of-00001` (`shards`), in which the tensors lie one after the other: plain ones
as their bytes (`arrays`), strings with lengths before them (`strings`), partitioned ones as slices.
"""

from tf1hub.format.checkpoint.checkpoint_variables import Variables, read_checkpoint
from tf1hub.format.checkpoint.reader import CheckpointReader
from tf1hub.format.checkpoint.slices import Slice
from tf1hub.format.checkpoint.writer import CheckpointWriter

__all__ = ["CheckpointReader", "CheckpointWriter", "Slice", "Variables", "read_checkpoint"]
