"""The functions of the table of ops, a file for each family. Importing this fills the table."""

from tf1hub.arrays.kinds import boxes as boxes
from tf1hub.arrays.kinds import chance as chance
from tf1hub.arrays.kinds import colors as colors
from tf1hub.arrays.kinds import convolution as convolution
from tf1hub.arrays.kinds import elementwise as elementwise
from tf1hub.arrays.kinds import function_calls as function_calls
from tf1hub.arrays.kinds import handing_on as handing_on
from tf1hub.arrays.kinds import image_files as image_files
from tf1hub.arrays.kinds import image_sizes as image_sizes
from tf1hub.arrays.kinds import indexing as indexing
from tf1hub.arrays.kinds import linear_algebra as linear_algebra
from tf1hub.arrays.kinds import lists_of_arrays as lists_of_arrays
from tf1hub.arrays.kinds import normalization as normalization
from tf1hub.arrays.kinds import pooling as pooling
from tf1hub.arrays.kinds import ragged_tensors as ragged_tensors
from tf1hub.arrays.kinds import reductions as reductions
from tf1hub.arrays.kinds import regex_ops as regex_ops
from tf1hub.arrays.kinds import shaping as shaping
from tf1hub.arrays.kinds import sparse_tensors as sparse_tensors
from tf1hub.arrays.kinds import spectra as spectra
from tf1hub.arrays.kinds import table_lookups as table_lookups
from tf1hub.arrays.kinds import text as text
from tf1hub.arrays.kinds import text_hashing as text_hashing
from tf1hub.arrays.kinds import uniqueness as uniqueness
from tf1hub.arrays.kinds import variables_read_and_written as variables_read_and_written
