"""hub.compare: modules tried on a task, as easily as varying the handle."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tf1hub.arguments import handle_text, path_text
from tf1hub.comparing import probe
from tf1hub.comparing.feature_cache import FeatureCache, default_directory
from tf1hub.comparing.features import Features, choose_signature, compute
from tf1hub.comparing.result import ComparedModule, Comparison
from tf1hub.comparing.task import Task, read_task
from tf1hub.errors import CheckFailedError, InputError
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.progress import ProgressOption, Say, shown
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.permission import Trust


def compare(
    handles: Sequence[ModuleSpec | str | os.PathLike[str]],
    task: Any,
    *,
    batch_size: int = 32,
    seed: int = 0,
    cache_dir: str | os.PathLike[str] | None = None,
    keep_features: bool = True,
    text_column: str | None = None,
    label_column: str | None = None,
    progress: ProgressOption = None,
    imports: Iterable[str] = (),
    trust: Trust = None,
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
        >>> result = hub.compare(["parity1", "parity3"], task, keep_features=False)
        >>> sorted((row.handle, row.accuracy, row.width) for row in result)
        [('parity1', 1.0, 1), ('parity3', 1.0, 3)]

    Args:
        handles: the modules: handles, or ModuleSpecs.
        task: a `.csv` or `.tsv` file of texts and labels, a folder with a folder of images per
            class, a `.npz` file with `x` and `y`, or a pair of examples and labels.
        batch_size: how many examples a module gets at once.
        seed: of the split into folds, which is the same for all modules.
        cache_dir: where features are kept; by default `$TF1HUB_FEATURES_DIR`, else `tf1hub_features` in the
            system's temporary directory.
        keep_features: whether features are kept there and taken from there. Those of a ModuleSpec, which need not
            be on disk, are computed each time.
        text_column: the column of the texts, where a CSV file's header leaves it open.
        label_column: the column of the labels, likewise.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.
        imports: modules to import first, because they bring ops: `["tensorflow_text"]`.
        trust: what the modules may do beyond computing, such as `{"reads files"}`; True for everything.

    Returns:
        The modules, best first; it prints as a table, and draws itself with `plot(path)`.

    Raises:
        InputError: the task is not a labelled set, or there are no handles.
        CheckFailedError: modules lack the conventional signature; all are named, before anything runs.
        MissingDependencyError: scikit-learn, or Pillow for images, is not installed; or one of `imports` cannot be imported.
        TrustError: a module's signature does what nobody allowed.
        Error: as `load_module_spec`, for each handle.
    """
    import_packages(imports, "imports=")
    if isinstance(handles, str | os.PathLike) or not isinstance(handles, Iterable) or not handles:
        raise InputError(f"compare takes a list of handles, not {handles!r}.")
    if batch_size < 1:
        raise InputError(f"The batch size is a positive number, not {batch_size}.")
    probe.check_installed()
    directory = default_directory() if cache_dir is None else path_text(cache_dir, "cache_dir")
    cache = FeatureCache(directory if keep_features else None)
    with shown(progress) as say:
        modules = [_module(handle, say, trust) for handle in dict.fromkeys(handles)]
        examples = read_task(task, text_column, label_column)
        signatures = _signatures([module.spec for module in modules], examples.kind)
        data_digest = examples.digest()
        rows: list[ComparedModule] = []
        for module, signature in zip(modules, signatures, strict=True):
            key = (module.digest or "", signature, data_digest)
            features = cache.read(*key) if module.digest else None
            cached = features is not None
            if features is None:
                features = _compute(module, examples, batch_size, say)
                if module.digest:
                    cache.write(features, *key)
            say(f"{module.name}: fitting the linear classifier")
            rows.append(_row(module.name, signature, features, cached, examples, seed))
    rows.sort(key=lambda row: (-row.accuracy, row.seconds_per_example))
    return Comparison(examples.name, len(examples), len(np.unique(examples.labels)), tuple(rows))


class _Candidate(NamedTuple):
    """One of those that are compared; `digest` is that of its content, where it is on disk as it is."""

    name: str
    spec: ModuleSpec
    digest: str | None


def _module(handle: ModuleSpec | str | os.PathLike[str], say: Say, trust: Trust) -> _Candidate:
    if isinstance(handle, ModuleSpec):
        return _Candidate(handle.name, handle.trusting(trust), None)
    name = handle_text(handle)
    say(f"{name}: fetching")
    spec = load_module_spec(name, trust=trust)
    return _Candidate(name, spec, _digest(spec))


def _signatures(specs: list[ModuleSpec], kind: str) -> list[str]:
    found: list[str] = []
    faults: list[str] = []
    for spec in specs:
        try:
            found.append(choose_signature(spec, kind)[0])
        except CheckFailedError as error:
            faults.append(str(error))
    if faults:
        raise CheckFailedError("\n".join(faults))
    return found


def _digest(spec: ModuleSpec) -> str | None:
    from tf1hub.handles.manifest import content_digest, of_directory

    # What is read in place from remote storage would be read twice for a digest.
    return content_digest(of_directory(spec.name)) if os.path.isdir(spec.name) else None


def _compute(module: _Candidate, task: Task, batch_size: int, say: Say) -> Features:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        say(f"{module.name}: computing features", done, len(task), "examples")

    say(f"{module.name}: loading")
    return compute(module.spec, task, batch_size, advance)


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
