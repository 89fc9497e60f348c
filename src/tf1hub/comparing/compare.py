"""hub.compare: modules tried on a task, as easily as varying the handle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tf1hub.arguments import handle_text
from tf1hub.comparing import probe
from tf1hub.comparing.cache import FeatureCache, default_directory
from tf1hub.comparing.features import Features, choose_signature, compute
from tf1hub.comparing.result import ComparedModule, Comparison
from tf1hub.comparing.task import Task, read_task
from tf1hub.errors import CheckFailedError, InputError
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec


def compare(
    handles: Sequence[str | os.PathLike[str]],
    task: Any,
    *,
    batch_size: int = 32,
    seed: int = 0,
    cache_dir: str | os.PathLike[str] | None = "",
    text_column: str | None = None,
    label_column: str | None = None,
    progress: Callable[[str], None] | None = None,
    imports: Iterable[str] = (),
) -> Comparison:
    """Tells which of several modules suits a task, by a linear classifier on the features of each.

    The features come from the signature that the convention names: `default` for text,
    `image_feature_vector` (or `default`) for images, which are resized to what the module expects.
    They are kept on disk, by the content of the module and of the examples.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def export(width):
        ...     def module_fn():
        ...         texts = tf.compat.v1.placeholder(tf.string, [None])
        ...         lengths = tf.cast(tf.strings.length(texts), tf.float32)
        ...         hub.add_signature(inputs=texts, outputs=tf.tile(lengths[:, None] % 2, [1, width]))
        ...     with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ...         hub.Module(hub.create_module_spec(module_fn)).export(f"parity{width}", session)
        >>> export(1), export(3)
        (None, None)
        >>> task = (["a", "bb", "ccc", "dddd", "eeeee", "ffffff"], ["odd", "even"] * 3)
        >>> result = hub.compare(["parity1", "parity3"], task, cache_dir=None)
        >>> sorted((row.handle, row.accuracy, row.width) for row in result)
        [('parity1', 1.0, 1), ('parity3', 1.0, 3)]

    Args:
        handles: the modules.
        task: a `.csv` or `.tsv` file of texts and labels, a folder with a folder of images per
            class, a `.npz` file with `x` and `y`, or a pair of examples and labels.
        batch_size: how many examples a module gets at once.
        seed: of the split into folds, which is the same for all modules.
        cache_dir: where features are kept; None keeps none. By default `$TF1HUB_FEATURES_DIR`,
            else `tf1hub_features` in the system's temporary directory.
        text_column: the column of the texts, where a CSV file's header leaves it open.
        label_column: the column of the labels, likewise.
        progress: is told what is under way, in a line.
        imports: modules to import first, because they bring ops: `["tensorflow_text"]`.

    Returns:
        The modules, best first; it prints as a table, and draws itself with `plot(path)`.

    Raises:
        InputError: the task is not a labelled set, or there are no handles.
        CheckFailedError: modules lack the conventional signature; all are named, before anything runs.
        MissingDependencyError: scikit-learn, or Pillow for images, is not installed; or one of `imports` cannot be imported.
        Error: as `load_module_spec`, for each handle.
    """
    import_packages(imports, "imports=")
    if isinstance(handles, str | os.PathLike) or not handles:
        raise InputError(f"compare takes a list of handles, not {handles!r}.")
    if batch_size < 1:
        raise InputError(f"The batch size is a positive number, not {batch_size}.")
    probe.check_installed()
    say = progress or (lambda _: None)
    names = [handle_text(handle) for handle in dict.fromkeys(handles)]
    specs = {name: load_module_spec(name) for name in names}
    examples = read_task(task, text_column, label_column)
    signatures = _signatures(specs, examples.kind)
    cache = FeatureCache(default_directory() if cache_dir == "" else cache_dir)
    data_digest = examples.digest()
    rows: list[ComparedModule] = []
    for name, spec in specs.items():
        digest = _digest(spec)
        key = (digest or "", signatures[name], data_digest)
        features = cache.read(*key) if digest else None
        cached = features is not None
        if features is None:
            features = _computed(spec, examples, batch_size, name, say)
            if digest:
                cache.write(features, *key)
        say(f"{name}: fitting the linear classifier")
        rows.append(_row(name, signatures[name], features, cached, examples, seed))
    rows.sort(key=lambda row: (-row.accuracy, row.seconds_per_example))
    return Comparison(examples.name, len(examples), len(np.unique(examples.labels)), tuple(rows))


def _signatures(specs: dict[str, ModuleSpec], kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    faults: list[str] = []
    for name, spec in specs.items():
        try:
            found[name] = choose_signature(spec, kind)[0]
        except CheckFailedError as error:
            faults.append(str(error))
    if faults:
        raise CheckFailedError("\n".join(faults))
    return found


def _digest(spec: ModuleSpec) -> str | None:
    from tf1hub.handles.manifest import content_digest, of_directory

    # What is read in place from remote storage would be read twice for a digest.
    return content_digest(of_directory(spec.name)) if os.path.isdir(spec.name) else None


def _computed(
    spec: ModuleSpec, task: Task, batch_size: int, name: str, say: Callable[[str], None]
) -> Features:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        say(f"{name}: {done} of {len(task)} examples")

    say(f"{name}: loading")
    return compute(spec, task, batch_size, advance)


def _row(
    name: str, signature: str, features: Features, cached: bool, task: Task, seed: int
) -> ComparedModule:
    scores = probe.accuracies(features.values, task.labels, seed)
    return ComparedModule(
        name,
        signature,
        float(np.mean(scores)),
        float(np.std(scores)),
        int(features.values.shape[1]),
        features.seconds / len(task),
        features.memory,
        cached,
    )
