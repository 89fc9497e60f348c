"""`tf1hub run` is python, with `tensorflow_hub` answered: arguments, exit codes, tracebacks, imports."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
HAS_TENSORFLOW = "import sys; print(sorted(n for n in sys.modules if n in ('tensorflow', 'numpy')))"


def run(directory: pathlib.Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "program.py").write_text(source)
    return command(directory, "run", "program.py", *arguments)


def command(directory: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tf1hub", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        check=False,
    )


def python(directory: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "program.py", *arguments], cwd=directory, capture_output=True, text=True, check=False
    )


def test_a_program_is_main_with_its_own_arguments_and_neighbours(tmp_path: pathlib.Path) -> None:
    (tmp_path / "neighbour.py").write_text("VALUE = 7\n")
    source = "import sys, os, neighbour\nprint(__name__, sys.argv, neighbour.VALUE, os.path.basename(sys.path[0]))\n"
    source += "import __main__; print(__main__.neighbour is neighbour, __file__)\n"
    result = run(tmp_path, source, "--tf1", "-m", "x y", "--help")
    assert result.stdout.splitlines() == [
        f"__main__ ['program.py', '--tf1', '-m', 'x y', '--help'] 7 {tmp_path.name}",
        f"True {tmp_path}/program.py",
    ]
    assert result.stdout == python(tmp_path, "--tf1", "-m", "x y", "--help").stdout


@pytest.mark.parametrize(
    "ending",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('why')",
        "raise SystemExit",
        "1 / 0",
        "def f(:",
        "import nothing_there",
    ],
)
def test_exit_code_and_traceback_are_those_of_python(tmp_path: pathlib.Path, ending: str) -> None:
    mine = run(tmp_path, f"print('before')\ndef f():\n    return 1\n{ending}\n")
    pythons = python(tmp_path)
    assert (mine.returncode, mine.stdout) == (pythons.returncode, pythons.stdout)
    assert mine.stderr == pythons.stderr


def test_a_module_runs_by_its_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "other.py").write_text("VALUE = 5\n")
    program = tmp_path / "package" / "program.py"
    program.write_text(
        "import sys\nfrom . import other\nprint(__name__, __package__, other.VALUE, sys.argv)\n"
    )
    result = command(tmp_path, "run", "-m", "package.program", "a")
    assert result.stdout == f"__main__ package 5 ['{program}', 'a']\n"


def test_what_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    result = command(tmp_path, "run", "missing.py")
    assert (result.returncode, result.stderr) == (
        1, "tf1hub run: Cannot open the program 'missing.py': No such file or directory.\n")  # fmt: skip
    result = command(tmp_path, "run", "-m", "not.there")
    assert result.stderr == "tf1hub run: No module 'not.there' that could be run as a program.\n"


def test_tensorflow_hub_is_answered_without_importing_tensorflow(tmp_path: pathlib.Path) -> None:
    source = f"""
import tensorflow_hub as hub
from tensorflow_hub import module_spec, native_module
import tensorflow_hub.image_util as image_util
from tensorflow_hub.version import __version__ as version
print(hub.__version__, version, "Module" in dir(hub), hub.load_module_spec is module_spec.load_module_spec)
print(image_util.__name__)
{HAS_TENSORFLOW}
try:
  import tensorflow_hub.tools.make_image_classifier
except ModuleNotFoundError as error:
  print(error)
try:
  hub.nothing
except AttributeError as error:
  print(str(error)[:93])
"""
    result = run(tmp_path, source)
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "0.15.0 0.15.0 True True",
        "tensorflow_hub.image_util",
        "[]",
        "No module named 'tensorflow_hub.tools': tf1hub answers for tensorflow_hub, with the modules estimator, "
        "feature_column, feature_column_v2, image_module_info_pb2, image_util, keras_layer, module, module_impl, "
        "module_spec, module_v2, native_module, saved_model_module, version. "
        "All public names are in tensorflow_hub itself.",
        "module 'tensorflow_hub' has no attribute 'nothing': tf1hub answers for tensorflow_hub. It has",
    ]


def test_installing_after_the_original_was_imported_is_refused(tmp_path: pathlib.Path) -> None:
    source = """
import sys, types
sys.modules.pop("tensorflow_hub", None)
sys.modules["tensorflow_hub"] = types.ModuleType("tensorflow_hub")
import tf1hub
try:
  tf1hub.install_as_tensorflow_hub()
except tf1hub.errors.Error as error:
  print(error)
del sys.modules["tensorflow_hub"]
tf1hub.install_as_tensorflow_hub()
tf1hub.install_as_tensorflow_hub()
import tensorflow_hub
print(tensorflow_hub.load_module_spec is tf1hub.load_module_spec)
"""
    assert run(tmp_path, source).stdout.splitlines() == [
        "tensorflow_hub was imported already, from elsewhere. "
        "Call tf1hub.install_as_tensorflow_hub() before whatever imports it.",
        "True",
    ]


def test_tf1_mode_answers_the_v1_api_and_says_what_is_missing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "library.py").write_text("import tensorflow as tf\nfrom tensorflow import placeholder\n")
    source = """
import tensorflow as tf, library
import tensorflow.compat.v1 as v1, tensorflow.compat.v2 as v2
from tensorflow.python.framework import ops
from tensorflow import contrib
import tf1hub.graph.module
print(tf is library.tf, v1 is tf, tf.executing_eagerly(), library.placeholder is tf.placeholder)
print(v2.__name__, tf1hub.graph.module.tf is v2, ops.get_default_graph is tf.get_default_graph)
table = tf.contrib.lookup.index_table_from_tensor(["a", "b"])
with tf.Session() as session:
  session.run(tf.tables_initializer())
  print(session.run(table.lookup(tf.constant(["b"]))), tf.zeros([3]).shape[0].value)
for name in ("opt", "image"):
  try:
    getattr(contrib, name)
  except AttributeError as error:
    print(error)
try:
  import tensorflow.contrib.seq2seq
except ModuleNotFoundError as error:
  print(error.name)
for path in ("layers.dense", "nn.rnn_cell.LSTMCell", "estimator.Estimator", "nothing"):
  value = tf
  try:
    for part in path.split("."):
      value = getattr(value, part)
  except AttributeError as error:
    print(path, "|", error)
"""
    (tmp_path / "program.py").write_text(source)
    result = command(tmp_path, "run", "--tf1", "program.py")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:3] == ["True True False True", "tensorflow True True", "[1] 3"]
    ended = "tf.contrib ended with TensorFlow 1.15. tf1hub supports the parts that have a successor: "
    ended += (
        "cluster_resolver, crf, data, distribute, estimator, framework, layers, lookup, losses, metrics, "
    )
    ended += "predictor, rnn, slim, tpu, training, util."
    assert lines[3:6] == [
        f"No 'tf.contrib.opt': {ended}",
        f"No 'tf.contrib.image': {ended}",
        "tensorflow.contrib.seq2seq",
    ]
    assert lines[6:] == missing_here()


def missing_here() -> list[str]:
    """What of the v1 API is not in this environment, and what to do about it."""
    import importlib.metadata
    import importlib.util

    import tensorflow as tf

    release = ".".join(tf.__version__.split(".")[:2])
    lines = []
    keras_3 = int(importlib.metadata.version("keras").partition(".")[0]) >= 3
    # The subprocess sees no overlay: PYTHONPATH is the source alone.
    if keras_3:
        lines += [
            f"{path} | tf.{path} is made of Keras 2, and TensorFlow {release} comes with Keras 3. Install Keras 2 "
            f"beside it, and run the program again: pip install 'tf_keras=={release}.*' (or tf1hub[legacy])"
            for path in ("layers.dense", "nn.rnn_cell.LSTMCell")
        ]
    if importlib.util.find_spec("tensorflow_estimator") is None:
        lines.append(
            f"estimator.Estimator | TensorFlow {tf.__version__} has no tf.estimator: Estimators ended with "
            "TensorFlow 2.15. Run this program on that: pip install 'tensorflow<2.16'"
        )
    lines.append(
        "nothing | module 'tensorflow' has no attribute 'nothing': tf1hub run --tf1 answers with "
        f"tensorflow.compat.v1 of TensorFlow {tf.__version__}, which lacks it"
    )
    return lines
