"""`tf1hub.check`: all checks of a module, in one report."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec

from tf1hub.checks.conventions import common_signature_results, convention_findings
from tf1hub.checks.findings import Report, Run, worst_first
from tf1hub.checks.fine_tuning import fine_tuning
from tf1hub.checks.forms import form_results
from tf1hub.checks.op_support import op_support
from tf1hub.checks.paths import leaked_paths
from tf1hub.checks.reach import reaches
from tf1hub.checks.stored import stored_files
from tf1hub.graphdef.op_packages import import_packages
from tf1hub.progress import ProgressOption, Say, shown
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.permission import Trust


def check(
    handle: ModuleSpec | str | os.PathLike[str],
    *,
    run: bool | None = None,
    progress: ProgressOption = None,
    imports: Iterable[str] = (),
    trust: Trust = None,
) -> Report:
    """Checks a module: is it whole, does it keep the conventions, can it be fine-tuned, does it run?

    Only running needs TensorFlow. `docs/checking.md` lists the findings.

    Example:
        >>> import tensorflow as tf, tf1hub as hub
        >>> def module_fn():
        ...     x = tf.compat.v1.placeholder(tf.float32, [2, 4])
        ...     hub.add_signature("image_feature_vector", inputs={"images": x}, outputs=x)
        >>> report = check(hub.create_module_spec(module_fn), run=False)
        >>> [finding.id for finding in report.findings]
        ['common-signature', 'no-default-signature']
        >>> report.ok
        False

    Args:
        handle: a handle, or a ModuleSpec.
        run: run each signature on generated inputs; None: where TensorFlow is installed.
        progress: how progress is shown: `"auto"`, `"bar"`, `"lines"` or `"none"`, or a function that is told a
            `Progress`; by default as `TF1HUB_PROGRESS` says. See `resolve`.
        imports: modules to import first, because they bring ops: `["tensorflow_text"]`.
        trust: what the module may do beyond computing, such as `{"reads files"}`; True for everything. A signature that
            does what is not allowed is not run.

    Returns:
        The findings, the common signatures, the TensorFlow versions, what was run, and what `tf1hub.convert` can write.

    Raises:
        HandleError: the handle cannot name a module.
        ResolveError: the module could not be obtained.
        FormatError: the module is too damaged to be checked.
        MissingDependencyError: `run`, and TensorFlow is not installed; or one of `imports` cannot be imported.
    """
    import_packages(imports, "imports=")
    with shown(progress) as say:
        say("fetching")
        return _check(load_module_spec(handle, trust=trust), run, say)


def _check(spec: ModuleSpec, run: bool | None, say: Say) -> Report:
    say("the graph")
    for tags in spec.get_tags():
        spec.variant(tags)  # raises where a variant is damaged
    results = list(common_signature_results(spec))
    findings = [*stored_files(spec, say), *convention_findings(spec, results)]
    findings += [*fine_tuning(spec), *leaked_paths(spec), *reaches(spec)]
    runs: list[Run] = []
    running = run or (run is None and find_spec("tensorflow") is not None)
    if running:
        say("importing TensorFlow")
        # Raises the error that says what to install, and brings what the environment names.
        import tf1hub._tensorflow
        import tf1hub.graph  # noqa: F401
    versions, lacking = op_support(spec, _is_loaded)
    findings += lacking
    if running:
        from tf1hub.checks.run import run_signatures

        runs, found = run_signatures(spec, say)
        findings += found
    say("the forms")
    forms = tuple(form_results(spec))
    return Report(spec.name, worst_first(findings), tuple(results), versions, tuple(runs), forms)


def _is_loaded(op: str) -> bool:
    """Whether the TensorFlow of this process has an op; without one, nothing is loaded."""
    if "tensorflow" not in sys.modules:
        return False
    from tf1hub._tensorflow import op_def

    return op_def(op) is not None
