"""Names for what is added beside something else."""

from __future__ import annotations

from collections.abc import Container


def free_name(wanted: str, *taken: Container[str]) -> str:
    """The name, with a number where it is taken.

    Example:
        >>> free_name("read", ["read", "read_1"])
        'read_2'
    """
    name, number = wanted, 0
    while any(name in names for names in taken):
        number += 1
        name = f"{wanted}_{number}"
    return name
