"""What is converted: a definition, the values of all its variables, and the loaded module where there is one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tf1hub.arguments import handle_text
from tf1hub.converting.form import ConversionRequest, Options
from tf1hub.errors import InputError, NotAModuleError
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.module_reader import is_module, read_module
from tf1hub.format.saved_model import FILE_NAME, SCHEMA_VERSION, format_tags, parse_saved_model
from tf1hub.progress import Say
from tf1hub.spec.module_spec import ModuleSpec, Tags, choose_variants
from tf1hub.spec.permission import Trust
from tf1hub.storage import place_at

if TYPE_CHECKING:
    from tf1hub.tf2.loaded import LoadedModule

_ALSO_TAKES = (
    "tf1hub.convert also takes what tf1hub.load gives. Of a KerasLayer give layer.resolved_object; of a tf1hub.Module its "
    "handle, or what module.export(path, session) wrote."
)


@contextlib.contextmanager
def open_source(
    handle: Any, tags: Tags, options: Options, say: Say, trust: Trust = None
) -> Iterator[ConversionRequest]:
    """A context with the original, as a definition with its values; loaded only where it has to be.

    Args:
        handle: as for `tf1hub.convert`.
        tags: the graph variant.
        options: what the caller asks for.
        say: is told what is under way.
        trust: what the module may do beyond computing.

    Raises:
        NotAModuleError: it is no TF1 module.
        InputError: it cannot be converted.
    """
    if isinstance(handle, ModuleSpec | str | os.PathLike):
        spec = (handle if isinstance(handle, ModuleSpec) else _fetch(handle, say)).trusting(trust)
        say("reading")
        variants = choose_variants(spec, tags)
        if spec.checkpoint is not None or not any(variant.variables for variant in variants):
            yield ConversionRequest(spec, variants, options, say)
            return
        # Initializers may be random, so both sides get what they gave once; TensorFlow runs them.
        import tf1hub._tensorflow  # noqa: F401
        from tf1hub.tf2.load import load_spec

        module = load_spec(spec, tags, options.trainable)
    else:
        module = _load(handle)
        if tags is not None or options.trainable is not True:
            raise InputError(
                "tf1hub.convert takes tags= and trainable= for a handle. This module is loaded already: give them "
                "to tf1hub.load instead."
            )
    with tempfile.TemporaryDirectory(prefix="tf1hub-") as directory:
        request = _of_module(module, os.path.join(directory, "module"), options, say)
        # Only the request holds it now, and lets go of it before it is loaded again.
        del module, handle
        yield request


def _fetch(handle: str | os.PathLike[str], say: Say) -> ModuleSpec:
    from tf1hub.handles import resolve

    path = handle_text(handle, _ALSO_TAKES)
    say("fetching")
    return _spec_at(path if os.path.isdir(path) else os.fspath(resolve(path)))


def _load(handle: Any) -> LoadedModule:
    """A loaded module, if it is one."""
    if type(handle).__module__.partition(".")[0] in ("builtins", "numpy"):
        handle_text(handle, _ALSO_TAKES)
    from tf1hub._tensorflow import AutoTrackable
    from tf1hub.tf2.loaded import LoadedModule

    if isinstance(handle, LoadedModule):
        return handle
    if isinstance(handle, AutoTrackable) and hasattr(handle, "signatures"):
        raise InputError(
            "tf1hub.convert was given what was loaded from a SavedModel of TensorFlow 2: that is converted already. "
            "To write it with the values that its variables have now: tf.saved_model.save(loaded, path)"
        )
    handle_text(handle, _ALSO_TAKES)
    raise AssertionError("handle_text raises for what is no handle")


def _of_module(module: LoadedModule, directory: str, options: Options, say: Say) -> ConversionRequest:
    """A module's definition with the values that it has now, cut down to the variants that run."""
    from tf1hub.tf2.export import export_values

    callables = module.callables
    name = callables.inference.variant.module
    graphs = SavedModel(
        saved_model_schema_version=SCHEMA_VERSION,
        meta_graphs=[state.variant.meta_graph for state in callables.loaded],
    )
    export_values(ModuleSpec(graphs, name, None, module.assets), directory, callables.resources.variables)
    stored = ModuleSpec.from_stored(read_module(directory))
    spec = ModuleSpec(
        stored.saved_model,
        name,
        stored.checkpoint,
        stored.asset_paths,
        callables.inference.variant.trusted,
    )
    variants = spec.variant(callables.inference.variant.tags), spec.variant(callables.training.variant.tags)
    return ConversionRequest(spec, variants, options, say, module=module)


def _spec_at(path: str) -> ModuleSpec:
    storage = place_at(path)
    if is_module(path) or not storage.exists(FILE_NAME):
        return ModuleSpec.from_stored(read_module(path))
    graphs = parse_saved_model(storage.read(FILE_NAME), storage.path(FILE_NAME)).meta_graphs
    if any(graph.object_graph_def for graph in graphs):
        raise NotAModuleError(
            f"{path} is a SavedModel of TensorFlow 2 already: tf.saved_model.load and serving tools take it as it is."
        )
    tags = format_tags(frozenset(graphs[0].meta_info_def.tags)) if graphs else "{}"
    raise NotAModuleError(
        f"{path} is a SavedModel of TensorFlow 1, not a TF1 Hub module. Make a module of it, and convert that, in Python:\n"
        f"    spec = tf1hub.create_module_spec_from_saved_model({path!r}, inference_tags={tags})\n"
        "    tf1hub.convert(spec, ...)"
    )
