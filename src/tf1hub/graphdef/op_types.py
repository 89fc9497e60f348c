"""Op types by what they are: variables, tables, TensorArrays, control flow, calls."""

from __future__ import annotations

import re

RESOURCE_VARIABLES = frozenset({"VarHandleOp"})
REF_VARIABLES = frozenset({"Variable", "VariableV2"})
VARIABLES = RESOURCE_VARIABLES | REF_VARIABLES

DENSE_READS = frozenset({"ReadVariableOp", "VariableShape"})
GATHERS = frozenset({"ResourceGather", "ResourceGatherNd"})
READS = DENSE_READS | GATHERS
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
ASSIGNS = frozenset({"Assign", "AssignVariableOp"})
STEPS = frozenset({"AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp"})
"""Op types that add to all of a variable, or take from it."""

RESTORES = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
"""Op types that read a checkpoint, whose path is their first input."""

TENSOR_ARRAY_VERSIONS = ("V3", "V2")
_TENSOR_ARRAY_OPS = ("", "Read", "Write", "Gather", "Scatter", "Concat", "Split", "Size", "Close")
TENSOR_ARRAYS = {
    f"TensorArray{op}{version}": op or "New" for op in _TENSOR_ARRAY_OPS for version in TENSOR_ARRAY_VERSIONS
}
"""Op types of TensorArrays, each with what it does."""

REF_TABLES = frozenset(
    {"HashTable", "MutableHashTable", "MutableHashTableOfTensors", "MutableDenseHashTable"}
)
RESOURCE_TABLES = frozenset(f"{op}V2" for op in REF_TABLES)
TABLES = REF_TABLES | RESOURCE_TABLES
HASH_TABLES = frozenset({"HashTable", "HashTableV2"})
"""Tables that are filled once, when they are initialized; all others change."""
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

TABLE_FILLS_FROM_FILES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
TABLE_FILLS = TABLE_FILLS_FROM_FILES | {
    "InitializeTable",
    "InitializeTableV2",
    "InitializeTableFromDataset",
    "LookupTableImport",
    "LookupTableImportV2",
}

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
FUNCTIONAL_CONDS = frozenset({"If", "StatelessIf"})
FUNCTIONAL_CASES = frozenset({"Case", "StatelessCase"})
FUNCTIONAL_LOOPS = frozenset({"While", "StatelessWhile"})
FUNCTIONAL = CALLS | FUNCTIONAL_CONDS | FUNCTIONAL_CASES | FUNCTIONAL_LOOPS | {"For", "RemoteCall"}
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

IDENTITIES = frozenset({"Identity", "RefIdentity"})
PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
INPUTS = PLACEHOLDERS | {"PlaceholderWithDefault"}
"""Op types whose value is given, or may be."""
