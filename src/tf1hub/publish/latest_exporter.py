"""hub.LatestModuleExporter: modules exported while an Estimator trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf1hub.errors import ExporterError, MissingDependencyError
from tf1hub.format import module_def
from tf1hub.graph import Module
from tf1hub.publish.checkpoint_export import NO_MODULES, write_modules, writer_from_checkpoint
from tf1hub.publish.registered import registered_modules
from tf1hub.publish.staging import keep_latest, timestamped_path
from tf1hub.storage.whole import new_directory


def _estimator() -> Any | None:
    """`tf.compat.v1.estimator`, where this TensorFlow has it."""
    try:
        # The name may be there without its package, which it then fails to import.
        return tf.compat.v1.estimator if tf.compat.v1.estimator.Exporter else None
    except (AttributeError, ImportError):
        return None


# An EvalSpec takes nothing but subclasses of it.
_Exporter: Any = getattr(_estimator(), "Exporter", object)


class LatestModuleExporter(_Exporter):
    """Exports registered modules after each evaluation of an Estimator, and keeps the latest exports.

    The Estimator's model_fn calls `register_module_for_export` for each module to be exported, in every
    mode. Each export is a directory named by the time in seconds, below `<model_dir>/export/<name>`, with a
    directory for each module; it appears when all of them are written.

    Estimators come with TensorFlow up to 2.15. Without them, `tf1hub.export_from_checkpoint` does the same.

    Example:
        ```python
        exporter = hub.LatestModuleExporter("modules", serving_input_fn)
        eval_spec = tf.estimator.EvalSpec(eval_input_fn, exporters=[exporter])
        tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)
        ```

    Args:
        name: name of the directory for the exports.
        serving_input_fn: returns a `tf.estimator.export.ServingInputReceiver`; its features are those from
            which the model is built for the export, in PREDICT mode. It is never run.
        exports_to_keep: how many exports remain; None keeps all.

    Raises:
        ExporterError: `exports_to_keep` is not None or a positive number.
        MissingDependencyError: this TensorFlow has no Estimator.
    """

    def __init__(
        self, name: str, serving_input_fn: Callable[[], Any], exports_to_keep: int | None = 5
    ) -> None:
        if _Exporter is object:
            raise MissingDependencyError(
                f"LatestModuleExporter works with Estimators, which TensorFlow {tf.__version__} does not "
                "have. Use tf1hub.export_from_checkpoint(build_fn, checkpoint_path, export_dir), which "
                "exports the registered modules of any program."
            )
        if exports_to_keep is not None and exports_to_keep <= 0:
            raise ExporterError(
                f"exports_to_keep is {exports_to_keep!r}; it must be a positive number, or None to keep all."
            )
        self._name = name
        self._serving_input_fn = serving_input_fn
        self._exports_to_keep = exports_to_keep

    @property
    def name(self) -> str:
        """The name of the directory for the exports."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str | None = None,
        eval_result: Any = None,
        is_the_final_export: bool | None = None,
    ) -> str | None:
        """Exports the registered modules into a new timestamped directory.

        Args:
            estimator: whose model_fn registers modules.
            export_path: where the timestamped directories lie.
            checkpoint_path: prefix of the checkpoint with the values; None is the Estimator's latest.
            eval_result: not used.
            is_the_final_export: not used.

        Returns:
            The path of the new directory; None, and a line in TensorFlow's log, where no module was registered.

        Raises:
            ExporterError: there is no checkpoint.
            ExportError: the export cannot be written.
            CheckpointError: the checkpoint is damaged, or has not all variables.
        """
        del eval_result, is_the_final_export
        checkpoint = checkpoint_path or estimator.latest_checkpoint()
        if not checkpoint:
            raise ExporterError(
                f"There is no checkpoint in {estimator.model_dir}. Train the Estimator before exporting."
            )
        with tf.Graph().as_default() as graph:
            saver = self._build(estimator)
            modules = registered_modules(graph)
            if not modules:
                # A program that exports nothing, this time or ever, goes on training.
                tf.get_logger().warning(NO_MODULES.format(builder="the model_fn of the Estimator"))
                return None
            target = timestamped_path(export_path)
            with new_directory(target, module_def.FILE_NAME) as directory:
                self._write(modules, directory, checkpoint, saver)
        if self._exports_to_keep is not None:
            keep_latest(export_path, self._exports_to_keep)
        return target

    def _build(self, estimator: Any) -> Any | None:
        """Builds the model as the Estimator does; returns the Saver that the model_fn has made, if it has."""
        tf.compat.v1.set_random_seed(estimator.config.tf_random_seed)
        tf.compat.v1.train.create_global_step()
        receiver = self._serving_input_fn()
        mode = tf.compat.v1.estimator.ModeKeys.PREDICT
        specification = estimator.model_fn(receiver.features, None, mode, estimator.config)
        return specification.scaffold.saver if specification.scaffold else None

    def _write(self, modules: Any, directory: str, checkpoint: str, saver: Any | None) -> None:
        if saver is None:
            write_modules(modules, directory, writer_from_checkpoint(checkpoint))
            return
        # A Saver of the model's own may map names, to averaged values for example.
        with tf.compat.v1.Session() as session:
            saver.restore(session, checkpoint)

            def write(module: Module, path: str) -> None:
                module.export(path, session)

            write_modules(modules, directory, write)
