"""Tables of a module as trackable resources, which a SavedModel carries and initializes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from tf1hub._tensorflow import unique_id
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.tf2.attributes import python_value

_Emit: TypeAlias = Callable[[], list[Any]]


class Table(tf.saved_model.experimental.TrackableResource):
    """A table as one node of a module describes it.

    Args:
        node: the op that makes the table.
        arguments: emits the op's inputs, inside a `tf.function`; most tables have none.
        fill: emits what fills the table, inside a `tf.function`.
        assets: the files that it is filled from. Whatever saves the table has to save them too.
    """

    def __init__(
        self, node: NodeDef, arguments: _Emit, fill: _Emit, assets: Sequence[tf.saved_model.Asset] = ()
    ) -> None:
        super().__init__()
        self._assets = list(assets)
        self._node = node
        self._arguments = tf.function(arguments, autograph=False)
        self._fill = tf.function(lambda: [*fill(), tf.constant(True)], autograph=False)
        # Tables are shared by name between all that run in one process.
        self._shared_name = f"{node.name}_{unique_id()}"

    def _create_resource(self) -> Any:
        kind = self._node.op.removesuffix("V2") + "V2"
        attributes = {
            name: python_value(value)
            for name, value in self._node.attr.items()
            if not name.startswith("_") and name not in ("container", "shared_name", "use_node_name_sharing")
        }
        names = ("empty_key", "deleted_key")
        given = self._arguments.get_concrete_function()() if self._node.input else ()
        inputs = dict(zip(names, given, strict=False))
        return getattr(tf.raw_ops, kind)(**inputs, shared_name=self._shared_name, **attributes)

    def fill(self) -> None:
        """Gives the table the contents that it has in the module, once it is there."""
        if self.resource_handle is not None:
            # Called by itself, TensorFlow would take the tables of several modules for one function that is
            # traced again and again, and warn of it.
            *_, filled = self._fill.get_concrete_function()()
            if not tf.executing_eagerly() and not tf.inside_function():
                # In a graph this is an op, to be run by `tf.compat.v1.tables_initializer`.
                tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS, filled.op)

    def _initialize(self) -> None:
        self.fill()

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        children: dict[str, Any] = super()._trackable_children(save_type, **kwargs)
        children.update({f"asset/{index}": asset for index, asset in enumerate(self._assets)})
        if save_type == "savedmodel":
            # Programs keep a signature of a SavedModel and drop the rest: its tables have to stay, as
            # TensorFlow's own do.
            children["_destroy_resource"] = _nothing
        return children

    def _destroy_resource(self) -> None:
        if not tf.executing_eagerly() and not tf.inside_function():
            return  # in a graph the table goes with the session
        tf.raw_ops.DestroyResourceOp(resource=self.resource_handle, ignore_lookup_error=True)


_nothing = tf.function(lambda: tf.constant(1), input_signature=[], autograph=False)


class MutableTable(Table):
    """A table that the module itself may fill, so that its contents are state like variables'."""

    def __init__(
        self, node: NodeDef, arguments: _Emit, fill: _Emit, assets: Sequence[tf.saved_model.Asset] = ()
    ) -> None:
        super().__init__(node, arguments, fill, assets)
        self._key_dtype = python_value(node.attr["key_dtype"])
        self._value_dtype = python_value(node.attr["value_dtype"])

    def contents(self) -> tuple[Any, Any]:
        """All keys and their values, as arrays."""
        tensors = self._serialize_to_tensors()
        return tensors["keys"].numpy(), tensors["values"].numpy()

    def replace(self, keys: Any, values: Any) -> None:
        """Gives the table other contents."""
        self._restore_from_tensors({"keys": tf.constant(keys), "values": tf.constant(values)})

    def _serialize_to_tensors(self) -> dict[str, Any]:
        keys, values = tf.raw_ops.LookupTableExportV2(
            table_handle=self.resource_handle, Tkeys=self._key_dtype, Tvalues=self._value_dtype
        )
        return {"keys": keys, "values": values}

    def _restore_from_tensors(self, restored: dict[str, Any]) -> Any:
        return tf.raw_ops.LookupTableImportV2(
            table_handle=self.resource_handle, keys=restored["keys"], values=restored["values"]
        )
