"""ModuleSpec: a module's definition, and where its weights and assets lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tf1hub.arguments import path_text
from tf1hub.errors import ExportError, FormatError, InputError, UnknownAttachmentError
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module_reader import StoredModule, read_module
from tf1hub.format.saved_model import format_tags
from tf1hub.graphdef.graph_check import check_meta_graph
from tf1hub.spec.permission import Trust, permission
from tf1hub.spec.tensor_info import ParsedTensorInfo
from tf1hub.spec.unknown import tag_set, unknown_tags
from tf1hub.spec.variant import DEFAULT_SIGNATURE, Variant
from tf1hub.storage import is_remote

if TYPE_CHECKING:
    from tf1hub.spec.graph_tensors import GraphTensor
    from tf1hub.spec.inner_outputs import Outputs

_Message = TypeVar("_Message")

Tags = Iterable[str] | None
"""Tags as callers give them: None and the empty set name the inference variant."""

_TRAIN = frozenset({"train"})


_NOT_CALLABLE = (
    "A ModuleSpec is a definition, and cannot be called: {name}. In TensorFlow 2 write\n"
    "    m = tf1hub.load(spec)\n"
    "    y = m(x)\n"
    "and in a graph\n"
    "    m = tf1hub.Module(spec)\n"
    "    y = m(x)"
)


class ModuleSpec:
    """The definition of a module: its graph variants, and where weights and assets lie.

    `tf1hub.load_module_spec` makes one from a module on disk, and `tf1hub.create_module_spec` from a `module_fn`.
    A `tf1hub.Module` can be made from it.

    Args:
        saved_model: the parsed definition.
        name: the module in words, for messages: its path or its `module_fn`.
        checkpoint: prefix of the checkpoint that the variables start from; None lets them use their
            own initializers.
        asset_paths: where each file of `assets/` lies now, by file name.
        trusted: what the module may do beyond computing; see `permission`.
    """

    def __init__(
        self,
        saved_model: SavedModel,
        name: str,
        checkpoint: str | None = None,
        asset_paths: Mapping[str, str] | None = None,
        trusted: Iterable[str] = (),
    ) -> None:
        self._saved_model = saved_model
        self._name = name
        self._checkpoint = checkpoint
        self._asset_paths = dict(asset_paths or {})
        self._trusted = frozenset(trusted)
        self._variants = {
            frozenset(graph.meta_info_def.tags): Variant(graph, name, self._trusted)
            for graph in saved_model.meta_graphs
        }
        self._checked: set[frozenset[str]] = set()

    @classmethod
    def from_stored(cls, stored: StoredModule) -> ModuleSpec:
        """The spec of a module that was read from disk."""
        paths: dict[str, str] = {}
        for graph in stored.saved_model.meta_graphs:
            for name in Variant(graph, stored.path).asset_files.values():
                paths[name] = stored.storage.path("assets/" + name)
        return cls(stored.saved_model, stored.path, stored.checkpoint, paths)

    @property
    def name(self) -> str:
        """The module in words: its path, or the function that made it."""
        return self._name

    @property
    def checkpoint(self) -> str | None:
        """Prefix of the checkpoint that the variables start from, where there is one."""
        return self._checkpoint

    @property
    def asset_paths(self) -> Mapping[str, str]:
        """Where each file of `assets/` lies now, by file name."""
        return dict(self._asset_paths)

    @property
    def saved_model(self) -> SavedModel:
        """The definition as a message; nobody may change it."""
        return self._saved_model

    @property
    def trusted(self) -> frozenset[str]:
        """What the module may do beyond computing, because its user said so."""
        return self._trusted

    def trusting(self, trust: Trust) -> ModuleSpec:
        """The same module, which may do more; itself where there is no more."""
        more = permission(trust) - self._trusted
        if not more:
            return self
        return ModuleSpec(
            self._saved_model, self._name, self._checkpoint, self._asset_paths, self._trusted | more
        )

    def with_values(
        self,
        checkpoint: str | None,
        asset_paths: Mapping[str, str] | None = None,
        saved_model: SavedModel | None = None,
    ) -> ModuleSpec:
        """The same module with other values: of its variables, and, where they are given, its files or its definition."""
        files = self._asset_paths if asset_paths is None else asset_paths
        return ModuleSpec(saved_model or self._saved_model, self._name, checkpoint, files, self._trusted)

    def variant(self, tags: Tags = None) -> Variant:
        """The graph variant with exactly these tags.

        Args:
            tags: a set of strings; None stands for the empty set, the inference variant.

        Raises:
            UnknownTagsError: there is none; the message lists the tags that there are.
            FormatError: the variant is damaged.
        """
        wanted = tag_set(tags)
        if wanted not in self._variants:
            raise unknown_tags(wanted, self._name, self.get_tags())
        variant = self._variants[wanted]
        if wanted not in self._checked:
            check_meta_graph(variant.meta_graph, variant.where, lambda: variant.variables)
            self._checked.add(wanted)
        return variant

    def check_assets(self, variant: Variant) -> None:
        """Checks that the variant's assets are there.

        Raises:
            FormatError: files are missing; all are named.
        """
        paths = [self._asset_paths[name] for name in dict.fromkeys(variant.asset_files.values())]
        missing = [path for path in paths if not is_remote(path) and not os.path.isfile(path)]
        if missing:
            raise FormatError(
                f"{self._name} lacks assets: {', '.join(missing)}. Fetch or export the module again."
            )

    def variants(self) -> list[Variant]:
        """All graph variants, the inference variant first.

        Raises:
            FormatError: one of them is damaged.
        """
        return [self.variant(tags) for tags in self.get_tags()]

    def get_tags(self) -> list[frozenset[str]]:
        """The tags of all variants, a set for each: those of the inference variant first, the others as the module has them."""
        return sorted(self._variants, key=bool)

    def get_signature_names(self, tags: Tags = None) -> list[str]:
        """The names of a variant's signatures, sorted.

        Raises:
            UnknownTagsError: no variant has these tags.
        """
        return list(self.variant(tags).signature_names)

    def get_input_info_dict(
        self, signature: str | None = None, tags: Tags = None
    ) -> dict[str, ParsedTensorInfo]:
        """The inputs of a signature: name to type and shape.

        Args:
            signature: the signature's name; None is `"default"`.
            tags: the variant; None is the inference variant.

        Raises:
            UnknownTagsError: no variant has these tags.
            UnknownSignatureError: the variant has no such signature.
        """
        return self.variant(tags).inputs(signature)

    def get_output_info_dict(
        self, signature: str | None = None, tags: Tags = None
    ) -> dict[str, ParsedTensorInfo]:
        """The outputs of a signature: name to type and shape; arguments as for the inputs."""
        return self.variant(tags).outputs(signature)

    def find_tensors(self, pattern: str = "*", tags: Tags = None) -> list[GraphTensor]:
        """The tensors of a variant's graph, as `with_outputs` takes them.

        Args:
            pattern: a part of a name; or, with `*`, `?` or `[`, a pattern as shells have it for all of it, with or
                without the output's number.
            tags: the variant; None is the inference variant.

        Returns:
            Named tuples of `name`, `op`, `dtype`, `shape` and `signatures`, in the order of the graph. Left out are
            handles of variables and tables, and tensors inside loops and branches of conds.

        Raises:
            UnknownTagsError: no variant has these tags.
        """
        from tf1hub.spec.graph_tensors import GraphTensors

        return list(GraphTensors(self.variant(tags)).find(pattern))

    def with_outputs(self, outputs: Outputs, signature: str | None = None, tags: Tags = None) -> ModuleSpec:
        """The same module, one of whose signatures returns other tensors of its graph.

        The result is a ModuleSpec like any other, for `tf1hub.Module`, `tf1hub.load`, `tf1hub.KerasLayer`,
        `tf1hub.convert` and `export`.

        Example:
            >>> import tensorflow as tf, tf1hub as hub
            >>> def module_fn():
            ...     x = tf.compat.v1.placeholder(tf.float32, [None])
            ...     hidden = tf.square(x, name="hidden")
            ...     hub.add_signature(inputs=x, outputs=tf.sqrt(hidden, name="last"))
            >>> spec = hub.create_module_spec(module_fn)
            >>> [tensor.name for tensor in spec.find_tensors("hid")]
            ['hidden:0']
            >>> module = hub.load(spec.with_outputs({"squares": "hidden", "default": "default"}))
            >>> {name: output.numpy().tolist() for name, output in sorted(module([3.0], as_dict=True).items())}
            {'default': [3.0], 'squares': [9.0]}

        Args:
            outputs: the name of a tensor, which becomes the output `"default"`; a list of tensor names, which are
                also the names of the outputs; or a dict from names of outputs to tensor names. The signature's own
                outputs may be named too.
            signature: the signature; None is `"default"`. Its inputs stay.
            tags: the variant; None changes all that have the signature.

        Raises:
            UnknownTagsError: no variant has these tags.
            UnknownSignatureError: there is no such signature.
            UnknownNameError: there is no such tensor; the message lists those with a name like it.
            ArgumentError: `outputs` is not a name or names; or it names the handle of a variable or table.
            UnsupportedGraphError: a tensor lies in a loop or a branch of a cond, or needs a placeholder that the
                signature does not feed.
        """
        from tf1hub.spec.inner_outputs import with_outputs

        if tags is not None:
            return with_outputs(self, outputs, signature, [self.variant(tags)])
        variants = [self.variant(each) for each in self.get_tags()]
        having = [
            variant for variant in variants if (signature or DEFAULT_SIGNATURE) in variant.signature_names
        ]
        return with_outputs(self, outputs, signature, having or variants)

    def get_attached_message(
        self,
        key: str,
        message_type: Callable[[], _Message],
        tags: Tags = None,
        required: bool = False,
    ) -> _Message | None:
        """The message that the publisher attached under a key.

        Args:
            key: the attachment's key, such as `"image_module_info"`.
            message_type: the message's class.
            tags: the variant; None is the inference variant.
            required: raise where nothing is attached, instead of returning None.

        Returns:
            A new message, or None.

        Raises:
            UnknownAttachmentError: `required`, and nothing is attached under `key`.
            FormatError: what is attached is no such message.
        """
        variant = self.variant(tags)
        if key not in variant.attachments:
            if required:
                known = ", ".join(sorted(variant.attachments)) or "none"
                raise UnknownAttachmentError(f"No attachment {key!r} in {variant.where}. It has: {known}.")
            return None
        from google.protobuf.message import DecodeError

        message = message_type()
        try:
            message.ParseFromString(variant.attachments[key])  # type: ignore[attr-defined]  # any message class
        except DecodeError as error:
            kind = type(message).__name__
            raise FormatError(
                f"The attachment {key!r} in {variant.where} is not a {kind} message."
            ) from error
        return message

    def export(
        self,
        path: str | os.PathLike[str],
        _sentinel: None = None,
        checkpoint_path: str | None = None,
        name_transform_fn: Callable[[str], str] | None = None,
        values: Mapping[str, Any] | Iterable[Any] | None = None,
    ) -> None:
        """Writes the module with the values of a checkpoint, or with given ones; no session is needed.

        The values of a new module's own initializers are those of `tf1hub.initial_values(spec)`.

        Example:
            >>> import tensorflow as tf, tf1hub as hub
            >>> def module_fn():
            ...     w = tf.compat.v1.get_variable("w", [2])
            ...     hub.add_signature(outputs=tf.identity(w))
            >>> hub.create_module_spec(module_fn).export("module", values={"w": [1.0, 2.0]})
            >>> hub.load("module")().numpy().tolist()
            [1.0, 2.0]

        Args:
            path: the new module's directory, here or at a URL; it may hold other files, but nothing of a module.
            checkpoint_path: prefix of a V2 checkpoint that holds the module's variables; None for
                the values that the spec came with (those of the module or SavedModel that it was
                read from, for instance).
            name_transform_fn: maps a variable's name in the module to its name in the checkpoint;
                None for equal names.
            values: values for all variables, or for those that do not come from the checkpoint: a dict of arrays
                by the variables' names in the module, or `tf.Variable` objects with these names. Give a partitioned
                variable whole.

        Raises:
            ExportError: something is at `path` already, or it cannot be written; or values are missing,
                unknown, or of another shape or dtype. The message names them all.
            CheckpointError: the checkpoint is damaged, lacks a variable, or has it in another
                shape or dtype.
        """
        if _sentinel is not None:
            raise ExportError(
                "ModuleSpec.export wants the checkpoint by keyword: spec.export(path, checkpoint_path=...)."
            )
        from tf1hub.spec.spec_export import export_spec

        own = self._checkpoint if checkpoint_path is None else checkpoint_path
        export_spec(self, path_text(path), own, name_transform_fn, values)

    def __reduce__(self) -> tuple[Any, ...]:
        # What was derived from the message is derived again where it is needed.
        trusted = sorted(self._trusted)
        return ModuleSpec, (self._saved_model, self._name, self._checkpoint, self._asset_paths, trusted)

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuses a call, and says what to call instead.

        Raises:
            InputError: always.
        """
        del args, kwargs
        raise InputError(_NOT_CALLABLE.format(name=self._name))

    def __repr__(self) -> str:
        variants = ", ".join(format_tags(tags) for tags in self.get_tags())
        return f"<ModuleSpec {self._name}: variants {variants}>"


def choose_variants(spec: ModuleSpec, tags: Tags) -> tuple[Variant, Variant]:
    """The variants that run without and with `training=True`.

    Training takes the variant `{"train"}` where there is one, unless the caller asks for some variant; the empty set
    asks for that for inference.

    Raises:
        UnknownTagsError: no variant has these tags.
    """
    inference = spec.variant(tags)
    training = _TRAIN if tags is None and _TRAIN in spec.get_tags() else inference.tags
    return inference, spec.variant(training)


def load_module_spec(path: ModuleSpec | str | os.PathLike[str], *, trust: Trust = None) -> ModuleSpec:
    """Reads a module's definition.

    Args:
        path: a handle; whatever `tf1hub.resolve` takes. A ModuleSpec is returned as it is.
        trust: what the module may do beyond computing, such as `{"reads files"}`, wherever the result is used; True for
            everything. See `docs/security.md`.

    Example:
        >>> import tf1hub as hub
        >>> spec = hub.load_module_spec("tests/golden/modules/half_plus_two/module")
        >>> spec.get_signature_names()
        ['default']

    Returns:
        The definition. TensorFlow is not imported.

    Raises:
        HandleError: the handle cannot name a module.
        ResolveError: the module could not be obtained.
        FormatError: the module is damaged.
    """
    if isinstance(path, ModuleSpec):
        return path.trusting(trust)
    from tf1hub.handles import resolve

    return ModuleSpec.from_stored(read_module(resolve(path))).trusting(trust)
