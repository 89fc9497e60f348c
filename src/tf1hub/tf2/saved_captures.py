"""Gives the functions of a SavedModel the variables that the programs which they call use.

TensorFlow saved them without (`programs_apart`). A function that uses a variable has it as an argument after its own,
hands it on in its calls, and the object graph says which variable that is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tf1hub._tensorflow import saved_model, write_fingerprint
from tf1hub.format.module_reader import VARIABLES_PREFIX
from tf1hub.format.saved_model import FILE_NAME
from tf1hub.graphdef.names import free_name
from tf1hub.graphdef.op_types import CALLS
from tf1hub.spec.variant import DEFAULT_SIGNATURE
from tf1hub.tf2.programs_apart import ProgramsApart, SavedProgram
from tf1hub.tf2.saved_saver import add_saver
from tf1hub.tf2.saved_signatures import call_directly, note_default, serve_also_as

_SHAPES = "_input_shapes"
_READ_ONLY = "_read_only_resource_inputs"


class _Variable(NamedTuple):
    """A variable that a function takes.

    Attributes:
        number: of its object.
        argument: how the program declares it.
        read_only: whether the program leaves it as it is.
    """

    number: int
    argument: Any
    read_only: bool


def complete(directory: str, parts: ProgramsApart, also_as: Mapping[str, str], with_saver: bool) -> None:
    """Completes the SavedModel in a directory.

    Args:
        directory: where TensorFlow wrote it.
        parts: what was saved.
        also_as: for further names of signatures the signatures.
        with_saver: whether to add what loads the variables in a session, and in TensorFlow's C++.
    """
    path = os.path.join(directory, FILE_NAME)
    with open(path, "rb") as file:
        model = saved_model(file.read())
    (graph,) = model.meta_graphs
    objects = graph.object_graph_def
    handles = {
        number: node.variable.name
        for number, node in enumerate(objects.nodes)
        if node.WhichOneof("kind") == "variable"
    }
    functions = _SavedFunctions(graph.graph_def.library.function, objects, parts.programs)
    functions.complete()
    for node in graph.graph_def.node:
        functions.complete_call(node, handles)
    call_directly(graph, parts.served.values())
    for name, signature in also_as.items():
        serve_also_as(graph, signature, name)
    if DEFAULT_SIGNATURE in parts.served:
        note_default(objects, DEFAULT_SIGNATURE)
    parts.losses.complete(graph)
    if with_saver and handles:
        add_saver(graph, handles.values(), os.path.join(directory, VARIABLES_PREFIX))
    with open(path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    write_fingerprint(directory)


class _SavedFunctions:
    """The functions of a SavedModel.

    Args:
        library: the FunctionDefs.
        objects: the SavedObjectGraph.
        programs: those that are called without their variables.
    """

    def __init__(self, library: Iterable[Any], objects: Any, programs: Sequence[SavedProgram]) -> None:
        self._by_name = {function.signature.name: function for function in library}
        self._objects = objects
        self._programs = {program.stand_in: _Called(program, self._by_name, objects) for program in programs}
        self._taken: dict[str, list[_Variable]] = {}

    def complete(self) -> None:
        """Gives all functions their variables."""
        for name in self._by_name:
            self._variables_of(name)

    def _variables_of(self, name: str) -> list[_Variable]:
        """The variables that a function takes after its own arguments, once it does."""
        if name not in self._taken:
            self._taken[name] = []
            function = self._by_name[name]
            names = _VariableNames(function)
            found: dict[int, _Variable] = {}
            for node in function.node_def:
                for variable in self.complete_call(node, names):
                    found.setdefault(variable.number, variable)
            self._taken[name].extend(found.values())
            for variable in self._taken[name]:
                argument = function.signature.input_arg.add()
                argument.CopyFrom(variable.argument)
                argument.name = names[variable.number]
                if _SHAPES in function.attr:
                    function.attr[_SHAPES].list.shape.add()  # a handle is a scalar
            if name in self._objects.concrete_functions:
                bound = self._objects.concrete_functions[name].bound_inputs
                bound.extend(variable.number for variable in self._taken[name])
        return self._taken[name]

    def complete_call(self, node: Any, names: Mapping[int, str]) -> list[_Variable]:
        """Gives a call the variables that it lacks; those are returned.

        Args:
            node: of any type.
            names: what a variable is called where the node is, by number.
        """
        if node.op not in CALLS:
            return []
        called = node.attr["f"].func.name
        if called in self._programs:
            places = self._programs[called].lacking
            node.attr["f"].func.name = self._programs[called].name
        else:
            first = sum(not name.startswith("^") for name in node.input)
            places = {first + index: variable for index, variable in enumerate(self._variables_of(called))}
        if not places:
            return []
        inputs = [name for name in node.input if not name.startswith("^")]
        waits = [name for name in node.input if name.startswith("^")]
        types = list(node.attr["Tin"].list.type)
        for place, variable in sorted(places.items()):
            inputs.insert(place, names[variable.number])
            types.insert(place, variable.argument.type)
        node.input[:] = inputs + waits
        node.attr["Tin"].list.type[:] = types
        node.attr[_READ_ONLY].list.i[:] = sorted(place for place, found in places.items() if found.read_only)
        return list(places.values())


class _Called:
    """A program that is called without its variables.

    Attributes:
        name: its own, under which it was saved.
        lacking: the variables by their places among the arguments.
    """

    def __init__(self, program: SavedProgram, functions: Mapping[str, Any], objects: Any) -> None:
        self.name = program.name
        arguments = functions[program.name].signature.input_arg
        bound = objects.concrete_functions[program.name].bound_inputs
        first = len(arguments) - len(bound)
        self.lacking = {
            first + index: _Variable(
                bound[index], arguments[first + index], first + index in program.read_only
            )
            for index in program.left_out
        }


class _VariableNames(dict[int, str]):
    """What variables are called in a function, each given a name when it is first asked for."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self._used = {node.name for node in function.node_def}
        self._used.update(argument.name for argument in function.signature.input_arg)

    def __missing__(self, number: int) -> str:
        self[number] = name = free_name(f"variable_{number}", self._used)
        return name
