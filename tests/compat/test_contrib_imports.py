"""Import statements that name tf.contrib: a program stops where it uses what is not there, and not before."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys

import pytest

PROGRAM = """
import tensorflow as tf
from tensorflow.contrib import quantize, crf, nothing
import tensorflow.contrib.seq2seq as seq2seq
import tensorflow.contrib.cudnn_rnn.python.ops.cells as deep
from tensorflow.contrib.crf import viterbi_decode, crf_sum
from tensorflow.contrib.predictor import from_saved_model
from tensorflow.contrib.learn.python.learn import learn_runner
from tensorflow.contrib.quantize import *
from tensorflow.contrib import slim
from tensorflow.contrib.layers import conv2d, not_there

def subclass():
    class Mine(crf_sum):
        pass

for use in (
    lambda: quantize.create_training_graph(),
    lambda: nothing(1, a=2),
    lambda: seq2seq.Helper,
    lambda: deep.Cell(3),
    lambda: crf_sum(1),
    lambda: crf.crf_sum,
    lambda: learn_runner.run(),
    lambda: not_there(),
    subclass,
):
    try:
        use()
    except (AttributeError, ImportError) as error:
        print(type(error).__name__, str(error).partition(": ")[0])
print(isinstance(3, crf_sum), hasattr(tf.contrib, "opt"), viterbi_decode([[1.0, 2.0]], [[0, 0], [0, 0]])[0])
print(from_saved_model is tf.contrib.predictor.from_saved_model)
try:
    print(slim.conv2d is conv2d)
except ImportError as error:
    print(error)

try:
    from tensorflow.contrib import boosted_trees, opt
except ImportError as error:
    print("caught", error.name)
try:
    from tensorflow.contrib import (
        quantize
    )
except (AttributeError, ModuleNotFoundError) as error:
    print("caught", error.name)
try:
    import tensorflow.contrib.seq2seq
except:
    print("caught seq2seq")
try:
    from tensorflow.contrib import slim
    print("slim is there")
except ImportError as error:
    print("caught", error)
try:
    from tensorflow.contrib import ffmpeg
except ValueError:
    print("not this one")
print("to the end")
"""
NO_SLIM = (
    "tf.contrib.{} is answered by tf-slim, which is not installed. "
    "Install it with: pip install tf-slim (or tf1hub[legacy], which brings tf_keras too)."
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    program = tmp_path_factory.mktemp("contrib") / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "tf1hub", "run", "--tf1", str(program)],
        cwd=pathlib.Path(__file__).resolve().parents[2] / "src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_is_not_there_says_so_when_it_is_used(lines: list[str]) -> None:
    has_slim = importlib.util.find_spec("tf_slim") is not None
    assert lines[:9] == [
        "AttributeError No 'tf.contrib.quantize.create_training_graph'",
        "AttributeError No 'tf.contrib.nothing'",
        "AttributeError No 'tf.contrib.seq2seq.Helper'",
        "AttributeError No 'tf.contrib.cudnn_rnn.python.ops.cells.Cell'",
        "AttributeError No 'tf.contrib.crf.crf_sum'",
        "AttributeError No 'tf.contrib.crf.crf_sum'",
        "AttributeError No 'tf.contrib.learn.python.learn.learn_runner.run'",
        "AttributeError No 'tf.contrib.layers.not_there'"
        if has_slim
        else f"MissingDependencyError {NO_SLIM.format('layers').partition(': ')[0]}",
        "AttributeError No 'tf.contrib.crf.crf_sum'",
    ]
    assert lines[9:12] == [
        "False False [1]",
        "True",
        "True" if has_slim else NO_SLIM.format("slim"),
    ]


def test_a_program_that_expects_that_an_import_may_fail_is_told(lines: list[str]) -> None:
    has_slim = importlib.util.find_spec("tf_slim") is not None
    assert lines[12:] == [
        "caught tensorflow.contrib.boosted_trees",
        "caught tensorflow.contrib.quantize",
        "caught seq2seq",
        "slim is there" if has_slim else f"caught {NO_SLIM.format('slim')}",
        "to the end",
    ]
