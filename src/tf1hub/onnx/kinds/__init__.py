"""The lowerings, a file for each family of ops; importing this registers them all."""

from tf1hub.onnx import stacked_arrays as stacked_arrays
from tf1hub.onnx.kinds import lowered_borders as lowered_borders
from tf1hub.onnx.kinds import lowered_boxes as lowered_boxes
from tf1hub.onnx.kinds import lowered_calls as lowered_calls
from tf1hub.onnx.kinds import lowered_cells as lowered_cells
from tf1hub.onnx.kinds import lowered_colors as lowered_colors
from tf1hub.onnx.kinds import lowered_elementwise as lowered_elementwise
from tf1hub.onnx.kinds import lowered_gathering as lowered_gathering
from tf1hub.onnx.kinds import lowered_groups as lowered_groups
from tf1hub.onnx.kinds import lowered_identities as lowered_identities
from tf1hub.onnx.kinds import lowered_images as lowered_images
from tf1hub.onnx.kinds import lowered_lists as lowered_lists
from tf1hub.onnx.kinds import lowered_matrices as lowered_matrices
from tf1hub.onnx.kinds import lowered_pairs as lowered_pairs
from tf1hub.onnx.kinds import lowered_projections as lowered_projections
from tf1hub.onnx.kinds import lowered_random as lowered_random
from tf1hub.onnx.kinds import lowered_reductions as lowered_reductions
from tf1hub.onnx.kinds import lowered_resampling as lowered_resampling
from tf1hub.onnx.kinds import lowered_shapes as lowered_shapes
from tf1hub.onnx.kinds import lowered_slicing as lowered_slicing
from tf1hub.onnx.kinds import lowered_sparse as lowered_sparse
from tf1hub.onnx.kinds import lowered_special_functions as lowered_special_functions
from tf1hub.onnx.kinds import lowered_spectra as lowered_spectra
from tf1hub.onnx.kinds import lowered_strings as lowered_strings
from tf1hub.onnx.kinds import lowered_variables as lowered_variables
from tf1hub.onnx.kinds import lowered_windows as lowered_windows
