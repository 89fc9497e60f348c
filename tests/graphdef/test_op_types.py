"""The tables of op types, held against the record of TensorFlow's ops."""

from __future__ import annotations

import re
from collections.abc import Set

from tf1hub.format import dtypes
from tf1hub.graphdef import op_types
from tf1hub.graphdef.op_record import recorded_definition

TABLES = {
    name: table for name, table in vars(op_types).items() if name.isupper() and isinstance(table, Set | dict)
}


def known(*names: str) -> set[str]:
    return {name for name in names if recorded_definition(name) is not None}


def test_each_op_type_of_a_table_is_an_op() -> None:
    assert len(TABLES) > 20
    for name, table in TABLES.items():
        assert known(*table) == set(table), name


def test_reference_variables_and_tables_give_references() -> None:
    for name in op_types.REF_VARIABLES | op_types.REF_TABLES:
        assert [output.is_ref for output in recorded_definition(name).output_arg] == [True], name
    for name in op_types.RESOURCE_VARIABLES | op_types.RESOURCE_TABLES:
        assert [output.type for output in recorded_definition(name).output_arg] == [dtypes.RESOURCE], name


def test_writes_take_what_they_write_first() -> None:
    for name in op_types.REF_WRITES:
        assert recorded_definition(name).input_arg[0].is_ref, name
    for name in op_types.RESOURCE_WRITES | op_types.READS:
        assert recorded_definition(name).input_arg[0].type == dtypes.RESOURCE, name


def test_fills_take_a_table_and_give_nothing() -> None:
    for name in op_types.TABLE_FILLS:
        definition = recorded_definition(name)
        assert definition.input_arg[0].name == "table_handle", name
        assert not definition.output_arg, name
    assert {name for name in op_types.TABLE_FILLS if "TextFile" in name} == op_types.TABLE_FILLS_FROM_FILES


def test_restores_take_the_path_of_the_checkpoint_first() -> None:
    for name in op_types.RESTORES:
        assert re.fullmatch("prefix|file_pattern", recorded_definition(name).input_arg[0].name), name


def test_ops_that_are_read_as_what_they_call_take_functions() -> None:
    for name in op_types.FUNCTIONAL:
        types = {attr.type for attr in recorded_definition(name).attr}
        assert types & {"func", "list(func)"}, name
