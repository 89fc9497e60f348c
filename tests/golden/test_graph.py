"""The golden modules in a graph: every call and every fine-tuning step gives the original's numbers."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
import tensorflow as tf
from golden import cases
from golden.in_graphs import check_calls, check_finetuning_step, exported_again
from interop.running import feed, initialize

import tf1hub as hub

tf1 = tf.compat.v1


@pytest.fixture(params=["v1", "v2"])
def control_flow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Programs run with v2 behaviour off (TF1 mode), or on as TensorFlow 2 starts."""
    if request.param == "v1":
        tf1.disable_control_flow_v2()
    yield
    tf1.enable_control_flow_v2()


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.usefixtures("control_flow")
def test_calls_give_the_originals_outputs(name: str) -> None:
    case = cases.load(name)
    check_calls(case, case.path)


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.usefixtures("control_flow")
def test_a_finetuning_step_gives_the_originals_loss_and_variables(name: str) -> None:
    case = cases.load(name)
    check_finetuning_step(case, case.path)


@pytest.mark.parametrize("name", cases.NAMES)
def test_exported_again_it_gives_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    case = cases.load(name)
    path = exported_again(case.path, tmp_path)
    check_calls(case, path)
    check_finetuning_step(case, path)


@pytest.mark.parametrize("name", cases.NAMES)
def test_exported_without_a_session_it_gives_the_same_numbers(name: str, tmp_path: pathlib.Path) -> None:
    case = cases.load(name)
    spec = hub.load_module_spec(case.path)
    spec.export(tmp_path / "copy", checkpoint_path=f"{case.path}/variables/variables")
    check_calls(case, str(tmp_path / "copy"))


@pytest.mark.parametrize("name", cases.NAMES)
def test_applied_again_it_gives_the_same_numbers(name: str) -> None:
    case = cases.load(name)
    for call in case.calls:
        inputs = case.values(call["inputs"])
        with tf.Graph().as_default() as graph:
            module = hub.Module(case.path, trainable=True, tags=set(call["tags"]))
            outputs, updates, gradients = [], [], []
            for _ in range(2):
                output = module(feed(inputs), signature=call["signature"], as_dict=True)
                outputs.append(output)
                updates.append(len(graph.get_collection("update_ops")))
                loss = tf.reduce_sum(output["default"])
                gradients.append([g is None for g in tf1.gradients(loss, tf1.trainable_variables())])
            with tf1.Session() as session:
                initialize(session)
                for values in session.run(outputs):
                    for output, key in call["outputs"].items():
                        cases.assert_matches(values[output], case.value(key))
        assert updates == [updates[0], 2 * updates[0]]
        assert gradients[0] == gradients[1]


def test_no_golden_module_is_missing() -> None:
    assert cases.NAMES == [
        "dropout_cond",
        "half_plus_two",
        "image",
        "image_ref_variables",
        "launch_image",
        "launch_rnn",
        "launch_switch",
        "launch_text",
        "lstm",
        "nested",
        "ref_variables_mlp",
        "sparse_io",
        "text_embedding",
        "text_embedding_partitioned",
        "text_hashed",
        "tf112_image",
        "tf112_rnn",
        "tf112_switch",
        "tf112_text",
        "tiny_tf16",
    ]
