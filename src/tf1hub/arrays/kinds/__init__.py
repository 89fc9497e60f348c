"""The functions of the table of ops, a file for each family. Importing this fills the table."""

from tf1hub.arrays.kinds import elementwise as elementwise
from tf1hub.arrays.kinds import function_calls as function_calls
from tf1hub.arrays.kinds import handing_on as handing_on
from tf1hub.arrays.kinds import lists_of_arrays as lists_of_arrays
from tf1hub.arrays.kinds import ragged_tensors as ragged_tensors
from tf1hub.arrays.kinds import regex_ops as regex_ops
from tf1hub.arrays.kinds import sparse_tensors as sparse_tensors
from tf1hub.arrays.kinds import table_lookups as table_lookups
from tf1hub.arrays.kinds import text as text
from tf1hub.arrays.kinds import text_hashing as text_hashing
from tf1hub.arrays.kinds import uniqueness as uniqueness
from tf1hub.arrays.kinds import variables_read_and_written as variables_read_and_written
