"""What a pickle of a loaded module carries beyond the definition, and how those of earlier versions are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from tf1hub.errors import ResolveError, UnsupportedFormatError
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.storage import place_at
from tf1hub.tf2.callable_variants import CallableVariants
from tf1hub.tf2.tables import MutableTable

PICKLE_VERSION = 1
"""The version of pickled modules. A change of `LoadedState` raises it, and the old ones are still read."""


@dataclass(frozen=True)
class LoadedState:
    """What a loaded module has beyond its definition, ready to be pickled.

    Attributes:
        inference: tags of the variant for inference.
        training: those of the variant for training.
        trainable: the nodes of the variables that optimizers see.
        variables: their values by node.
        tables: keys and values of the tables that programs fill, by node.
    """

    inference: frozenset[str]
    training: frozenset[str]
    trainable: list[str]
    variables: dict[str, Any]
    tables: dict[str, tuple[Any, Any]]


def state_of(callables: CallableVariants) -> LoadedState:
    """The state of a loaded module now."""
    resources = callables.resources
    return LoadedState(
        inference=callables.state(False).variant.tags,
        training=callables.state(True).variant.tags,
        trainable=[node for node, variable in resources.variables.items() if variable.trainable],
        variables={node: variable.numpy() for node, variable in resources.variables.items()},
        tables={
            node: table.contents()
            for node, table in resources.tables.items()
            if isinstance(table, MutableTable)
        },
    )


def read_state(version: int, spec: ModuleSpec, state: LoadedState) -> LoadedState:
    """The state that a pickle carries, as this version has it.

    Raises:
        UnsupportedFormatError: a newer tf1hub pickled it.
    """
    if version > PICKLE_VERSION:
        raise UnsupportedFormatError(
            f"The pickled module {spec.name} is of version {version}, and this tf1hub reads versions up to "
            f"{PICKLE_VERSION}. Unpickle it with the tf1hub that pickled it, or a newer one."
        )
    return _of_version_0(spec, vars(state)) if version == 0 else state


def check_files(spec: ModuleSpec) -> None:
    """Says at once which files of an unpickled module are missing, rather than when a table is first read.

    Raises:
        ResolveError: some are.
    """
    missing = [
        path
        for path in spec.asset_paths.values()
        if not place_at(os.path.dirname(path)).exists(os.path.basename(path))
    ]
    if missing:
        raise ResolveError(
            f"The pickled module {spec.name} reads files that are not there: {', '.join(sorted(missing))}. A pickle carries "
            "the values of variables, not the files of the module. Put them back, or hand the handle on instead of the "
            "module and load it where it is used: tf1hub.load(handle)"
        )


def _of_version_0(spec: ModuleSpec, fields: dict[str, Any]) -> LoadedState:
    """Version 0 had the tags for inference alone, and what was told where the variant for training was left out."""
    fields = dict(fields)
    inference, left_out = fields.pop("tags"), fields.pop("refused") is not None
    train = frozenset({"train"})
    trains = not inference and not left_out and train in spec.get_tags()
    return LoadedState(inference=inference, training=train if trains else inference, **fields)
