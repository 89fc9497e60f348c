"""`tf1hub.capabilities`: what a module, a SavedModel or a bare graph can do."""

from __future__ import annotations

import os
from collections.abc import Iterator

from google.protobuf.message import DecodeError

from tf1hub.arguments import handle_text
from tf1hub.errors import FormatError
from tf1hub.format import module_def
from tf1hub.format.graph_limits import check_limits
from tf1hub.format.messages_pb2 import GraphDef, MetaGraphDef, SavedModel
from tf1hub.format.module_reader import read_module
from tf1hub.format.nesting import check_nesting
from tf1hub.format.saved_model import FILE_NAME, parse_saved_model
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.variant import Variant
from tf1hub.storage import Place, place_at
from tf1hub.trust.deeds import Deed
from tf1hub.trust.parts import FUNCTIONS, GRAPH, SAVER, SAVER_OPS, Part, analysis_of, parts_of, place_of
from tf1hub.trust.report import NEVER_RUN, Capabilities, PartReport
from tf1hub.trust.units import as_graph

_NO_GRAPH = "{path} is no graph: its {size} bytes are neither a SavedModel nor a MetaGraphDef nor a GraphDef."
_NOTHING = "There is no module, SavedModel or graph (.pb) in {path}."


def capabilities(handle: ModuleSpec | str | os.PathLike[str]) -> Capabilities:
    """Tells what a module can do, before anything of it runs; TensorFlow is not needed.

    Looked at is what each signature reaches, and by themselves the initializers, update ops and whatever else there
    is: through bodies of functions, datasets, gradients, and graphs in serialized form.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     hub.add_signature(outputs=tf.io.read_file("/etc/hostname"))
        ...     path = tf.compat.v1.placeholder(tf.string, [])
        ...     hub.add_signature("of_a_file", inputs=path, outputs=tf.io.read_file(path))
        >>> found = hub.capabilities(hub.create_module_spec(module_fn))
        >>> for part in found.parts:
        ...     for deed in part.deeds:
        ...         print(part.name, "|", deed.can, "|", deed.origin, "|", deed.target, "|", deed.refused)
        default | reads files | constant | /etc/hostname | True
        of_a_file | reads files | input | default | False
        >>> found.needs()
        ('reads files',)

    Args:
        handle: a handle, or a ModuleSpec; also a directory with a SavedModel, or a `.pb` file with a SavedModel, a
            MetaGraphDef or a GraphDef.

    Returns:
        The deeds of each part of each variant.

    Raises:
        HandleError: the handle cannot name a module.
        ResolveError: the module could not be obtained.
        FormatError: it is damaged.
    """
    if isinstance(handle, ModuleSpec):
        return of_spec(handle)
    path = handle_text(handle)
    if path.endswith(".pb") and os.path.isfile(path):
        return _of_file(path)
    from tf1hub.handles import resolve

    directory = resolve(path)
    storage = place_at(directory)
    if not storage.exists(module_def.FILE_NAME) and storage.exists(FILE_NAME):
        return of_saved_model(storage)
    return of_spec(ModuleSpec.from_stored(read_module(directory)))


def of_spec(spec: ModuleSpec) -> Capabilities:
    """What a module can do."""
    variants = [spec.variant(tags) for tags in spec.get_tags()]
    return _of_variants(spec.name, variants, spec.checkpoint is not None)


def is_harmless(spec: ModuleSpec) -> bool:
    """Whether no graph of a module has an op that is ever refused: `capabilities`, which takes longer, says the rest."""
    return all(analysis_of(spec.variant(tags)).is_harmless for tags in spec.get_tags())


def of_saved_model(storage: Place) -> Capabilities:
    """What a SavedModel can do that is no TF1 module."""
    saved_model = parse_saved_model(storage.read(FILE_NAME), storage.path(FILE_NAME))
    variants = [Variant(graph, storage.root) for graph in saved_model.meta_graphs]
    # The initializers of a SavedModel's variables run when it is read by hand only.
    return _of_variants(storage.root, variants, has_checkpoint=True)


def find_modules(path: str) -> list[str]:
    """The modules, SavedModels and graphs in a directory; of what is one itself, the path.

    Raises:
        FormatError: there are none.
    """
    if not os.path.isdir(path) or os.path.isfile(os.path.join(path, FILE_NAME)):
        return [path]
    if os.path.isfile(os.path.join(path, module_def.FILE_NAME)):
        return [path]
    found = sorted(_walk(path))
    if not found:
        raise FormatError(_NOTHING.format(path=path))
    return found


def _walk(path: str) -> Iterator[str]:
    for directory, below, names in os.walk(path):
        if FILE_NAME in names:
            yield directory
            below[:] = [each for each in below if each not in ("variables", "assets", "assets.extra")]
            continue
        yield from (os.path.join(directory, name) for name in names if name.endswith(".pb"))


def _of_variants(name: str, variants: list[Variant], has_checkpoint: bool) -> Capabilities:
    parts: list[PartReport] = []
    for variant in variants:
        analysis = analysis_of(variant)
        where = place_of(variant)
        parts += [
            PartReport(where, part.kind, part.name, _deeds_to_tell(part, analysis.deeds(part)))
            for part in parts_of(variant, has_checkpoint)
        ]
        alone = analysis.functions_alone()
        if alone:
            parts.append(PartReport(where, FUNCTIONS, "", alone))
    return Capabilities(name, tuple(parts))


def _deeds_to_tell(part: Part, deeds: tuple[Deed, ...]) -> tuple[Deed, ...]:
    """The deeds that a report tells. Of a part that never runs, only those that would be refused; of a saver, not that it saves."""
    if part.kind not in NEVER_RUN:
        return deeds
    known = SAVER_OPS if part.kind == SAVER else frozenset()
    return tuple(deed for deed in deeds if deed.refused and deed.op not in known)


def _of_file(path: str) -> Capabilities:
    with open(path, "rb") as file:
        data = file.read()
    graph = as_graph(data)
    if graph is not None:
        check_limits(graph, path)
        variant = Variant(MetaGraphDef(graph_def=graph), path)
        part = Part(GRAPH, "", frozenset(variant.nodes), {})
        return Capabilities(path, (PartReport("{}", GRAPH, "", analysis_of(variant).deeds(part)),))
    meta_graph = _meta_graph(data)
    if meta_graph is not None:
        check_limits(meta_graph.graph_def, path)
        return _of_variants(path, [Variant(meta_graph, path)], has_checkpoint=False)
    try:
        saved_model = parse_saved_model(data, path)
    except FormatError as error:
        if not isinstance(error.__cause__, DecodeError):
            raise
        for kind in (SavedModel, MetaGraphDef, GraphDef):
            check_nesting(data, kind, path)
        raise FormatError(_NO_GRAPH.format(path=path, size=len(data))) from error
    return _of_variants(path, [Variant(each, path) for each in saved_model.meta_graphs], has_checkpoint=True)


def _meta_graph(data: bytes) -> MetaGraphDef | None:
    try:
        found = MetaGraphDef.FromString(data)
    except DecodeError:
        return None
    return found if found.graph_def.node else None
