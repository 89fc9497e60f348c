"""Op types by what they are: variables, tables, TensorArrays, control flow, calls."""

from __future__ import annotations

import re

RESOURCE_VARIABLES = frozenset({"VarHandleOp"})
REF_VARIABLES = frozenset({"Variable", "VariableV2"})
VARIABLES = RESOURCE_VARIABLES | REF_VARIABLES

DENSE_READS = frozenset({"ReadVariableOp", "VariableShape"})
GATHERS = frozenset({"ResourceGather", "ResourceGatherNd"})
QUESTIONS = frozenset({"VarIsInitializedOp", "IsVariableInitialized"})
RESOURCE_WRITES = frozenset(
    {
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "ResourceScatterAdd",
        "ResourceScatterSub",
        "ResourceScatterMul",
        "ResourceScatterDiv",
        "ResourceScatterMin",
        "ResourceScatterMax",
        "ResourceScatterUpdate",
        "ResourceScatterNdUpdate",
        "ResourceScatterNdAdd",
        "ResourceScatterNdSub",
    }
)
REF_WRITES = frozenset(
    {
        "Assign",
        "AssignAdd",
        "AssignSub",
        "ScatterAdd",
        "ScatterSub",
        "ScatterMul",
        "ScatterDiv",
        "ScatterMin",
        "ScatterMax",
        "ScatterUpdate",
        "ScatterNdUpdate",
        "ScatterNdAdd",
        "ScatterNdSub",
    }
)
WRITES = RESOURCE_WRITES | REF_WRITES

TENSOR_ARRAY_VERSIONS = ("V3", "V2")
_TENSOR_ARRAY_OPS = ("", "Read", "Write", "Gather", "Scatter", "Concat", "Split", "Size", "Close")
TENSOR_ARRAYS = {
    f"TensorArray{op}{version}": op or "New" for op in _TENSOR_ARRAY_OPS for version in TENSOR_ARRAY_VERSIONS
}
"""Op types of TensorArrays, each with what it does."""

TABLES = frozenset(
    {
        "HashTable",
        "HashTableV2",
        "MutableHashTable",
        "MutableHashTableV2",
        "MutableHashTableOfTensors",
        "MutableHashTableOfTensorsV2",
        "MutableDenseHashTable",
        "MutableDenseHashTableV2",
    }
)
OLD_TABLE_OPS = frozenset(
    {
        "LookupTableFind",
        "LookupTableInsert",
        "LookupTableSize",
        "LookupTableExport",
        "LookupTableImport",
        "InitializeTable",
        "InitializeTableFromTextFile",
    }
)
"""Ops on tables whose handles are strings; each has a twin with `V2` that takes a resource."""

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
FUNCTIONAL = CALLS | {"If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile", "For"}
"""Op types that are read as what they call."""

RUN_FUNCTIONS = re.compile(r".*Dataset(V\d+)?|MapDefun|BatchFunction|XlaCallModule")
"""Op types that take functions and run them by themselves, as ordinary ops."""

SWITCHES = frozenset({"Switch", "RefSwitch"})
MERGES = frozenset({"Merge", "RefMerge"})
ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})
NEXT_ITERATIONS = frozenset({"NextIteration", "RefNextIteration"})
LOOP_CONDITION = "LoopCond"
CONTROL_FLOW = SWITCHES | MERGES | ENTERS | EXITS | NEXT_ITERATIONS | {LOOP_CONDITION}

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
