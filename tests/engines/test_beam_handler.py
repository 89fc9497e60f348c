"""`tf1hub.beam.HubModelHandler` in Beam's own `RunInference`, on its local runner."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed: make test-engines")
from apache_beam.metrics import MetricsFilter  # noqa: E402
from apache_beam.ml.inference.base import (  # noqa: E402
    KeyedModelHandler,
    KeyModelMapping,
    ModelMetadata,
    RunInference,
)
from engines.corpus_of_texts import BAD, ENGINE, MODULE, ROWS, SENTENCE, expected, texts  # noqa: E402
from golden import cases  # noqa: E402

import tf1hub as hub  # noqa: E402
from tf1hub.beam import HubModelHandler, SetupFault, raise_error  # noqa: E402

HALF = cases.load("half_plus_two")


def run(build: Callable[[Any], dict[str, Any]]) -> dict[str, list[Any]]:
    """The elements of the collections that `build` gives, by name; and the counters of the pipeline."""
    _KEPT.clear()
    pipeline = beam.Pipeline("FnApiRunner")
    for name, collection in build(pipeline).items():
        gathered = collection | f"gather {name}" >> beam.combiners.ToList()
        _ = gathered | f"keep {name}" >> beam.Map(_Keep(name))
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace("BeamML_TF1Hub"))["counters"]
    _COUNTED.update((counter.key.metric.name, counter.committed) for counter in counters)
    return dict(_KEPT)


_COUNTED: dict[str, int] = {}
_KEPT: dict[str, list[Any]] = {}


class Named(NamedTuple):
    id: int
    default: str


class _Keep:
    """Keeps a collection in this process, in which the local runner works."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, elements: list[Any]) -> None:
        _KEPT[self._name] = elements


def test_only_bad_rows_are_dead_letters_and_all_others_are_equal_to_the_bit() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        examples = [{"default": text, "id": number} for number, text in enumerate(texts())]
        handler = HubModelHandler(MODULE, engine=ENGINE, max_batch_size=256)
        good, dead = pipeline | beam.Create(examples) | RunInference(handler).with_exception_handling()
        return {"good": good, "rows": dead.failed_postprocessing[0], "batches": dead.failed_inferences}

    found = run(build)
    wanted = expected()
    assert found["batches"] == []
    assert {result.example["id"] for result in found["good"]} == set(wanted)
    assert len(found["good"]) == ROWS - len(BAD)
    for result in found["good"]:
        np.testing.assert_array_equal(result.inference["default"], wanted[result.example["id"]])
        assert result.model_id == MODULE
    assert sorted(result.example["id"] for result, _ in found["rows"]) == list(BAD)
    for result, (kind, text, _) in found["rows"]:
        assert kind is hub.errors.InputError
        assert SENTENCE in text
        assert SENTENCE in str(result.inference)
    assert _COUNTED["num_inferences"] == ROWS
    assert _COUNTED["num_bad_rows"] == len(BAD)


def test_without_exception_handling_a_bad_row_fails_the_pipeline() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        return {"": pipeline | beam.Create(["a", 3]) | RunInference(HubModelHandler(MODULE, engine=ENGINE))}

    with pytest.raises(hub.errors.InputError, match=r"is string \[\?\]; it was given"):
        run(build)


def test_keyed_rows_keep_their_keys() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        handler = KeyedModelHandler(HubModelHandler(MODULE, engine=ENGINE))
        return {"good": pipeline | beam.Create([("one", "hello"), ("two", "world")]) | RunInference(handler)}

    good = dict(run(build)["good"])
    wanted = hub.Predictor(MODULE, engine=ENGINE)(["hello", "world"])["default"]
    np.testing.assert_array_equal(
        [good["one"].inference["default"], good["two"].inference["default"]], wanted
    )


def test_keyed_bad_rows_alone_are_dead_letters_where_raise_error_follows() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        keyed = KeyedModelHandler(HubModelHandler(MODULE, engine=ENGINE, on_error="return"))
        step = RunInference(keyed.with_postprocess_fn(raise_error)).with_exception_handling()
        good, dead = pipeline | beam.Create([(1, "hello"), (2, None), (3, "world")]) | step
        return {"good": good, "dead": dead.failed_postprocessing[0]}

    found = run(build)
    assert sorted(key for key, _ in found["good"]) == [1, 3]
    assert [pair[0] for pair, _ in found["dead"]] == [2]


def test_keyed_bad_row_fails_its_batch_else() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        handler = KeyedModelHandler(HubModelHandler(MODULE, engine=ENGINE))
        return {"": pipeline | beam.Create([(1, "hello"), (2, 3)]) | RunInference(handler)}

    with pytest.raises(hub.errors.InputError, match=r"Row \d of a batch of \d: The input 'default'"):
        run(build)


def test_models_by_key() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        handler = KeyedModelHandler(
            [
                KeyModelMapping(["text"], HubModelHandler(MODULE, engine=ENGINE)),
                KeyModelMapping(["half"], HubModelHandler(HALF.path, engine=ENGINE)),
            ]
        )
        return {"": pipeline | beam.Create([("text", "hello"), ("half", [4.0])]) | RunInference(handler)}

    found = dict(run(build)[""])
    assert found["half"].inference["default"].tolist() == [4.0]
    assert found["half"].model_id == HALF.path
    assert found["text"].inference["default"].shape == (7,)


def test_a_model_that_all_processes_share() -> None:
    def build(pipeline: Any) -> dict[str, Any]:
        handler = HubModelHandler(MODULE, engine=ENGINE, large_model=True)
        good, dead = pipeline | beam.Create(["hello", None]) | RunInference(handler).with_exception_handling()
        return {"good": good, "dead": dead.failed_postprocessing[0]}

    found = run(build)
    wanted = hub.Predictor(MODULE, engine=ENGINE)(["hello"])["default"][0]
    np.testing.assert_array_equal(found["good"][0].inference["default"], wanted)
    assert len(found["dead"]) == 1
    assert HubModelHandler(MODULE, engine=ENGINE, model_copies=2).share_model_across_processes()


def test_another_model_by_side_input(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(HALF.path, newer)

    def build(pipeline: Any) -> dict[str, Any]:
        news = pipeline | "news" >> beam.Create([ModelMetadata(str(newer), "newer")])
        handler = HubModelHandler(HALF.path, engine=ENGINE)
        step = RunInference(handler, model_metadata_pcoll=news)
        return {"": pipeline | beam.Create([[4.0]]) | step}

    (result,) = run(build)[""]
    assert result.model_id == str(newer)
    assert result.inference["default"].tolist() == [4.0]


@pytest.mark.parametrize("how", [{}, {"timeout": 60}], ids=["in setup", "while it runs"])
def test_a_fault_of_the_setup_fails_the_pipeline_and_no_row_is_a_dead_letter(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    module = tmp_path / "module"
    shutil.copytree(HALF.path, module)
    handler = HubModelHandler(str(module), engine=ENGINE)
    pickle.dumps(handler)  # where the module is still as it was
    shutil.rmtree(module)

    def build(pipeline: Any) -> dict[str, Any]:
        good, dead = pipeline | beam.Create([[4.0]]) | RunInference(handler).with_exception_handling(**how)
        return {"good": good, "rows": dead.failed_postprocessing[0], "batches": dead.failed_inferences}

    with pytest.raises(SetupFault, match=f"There is nothing at {module}"):
        run(build)
    assert not any(_KEPT.values())


def test_in_a_process_of_its_own_only_bad_rows_are_dead_letters() -> None:
    """`use_subprocess` forks."""
    examples = ["hello", None, "world", "cat"]

    def build(pipeline: Any) -> dict[str, Any]:
        step = RunInference(HubModelHandler(MODULE, engine=ENGINE))
        good, dead = pipeline | beam.Create(examples) | step.with_exception_handling(use_subprocess=True)
        return {"good": good, "rows": dead.failed_postprocessing[0], "batches": dead.failed_inferences}

    found = run(build)
    assert [result.example for result, _ in found["rows"]] == [None]
    assert found["batches"] == []
    wanted = hub.Predictor(MODULE, engine=ENGINE)(["hello", "world", "cat"])["default"]
    made = {result.example: result.inference["default"] for result in found["good"]}
    np.testing.assert_array_equal([made[text] for text in ("hello", "world", "cat")], wanted)


def test_a_fault_of_a_call_that_is_not_of_a_row() -> None:
    handler = HubModelHandler(HALF.path, engine=ENGINE)

    class Exhausted:
        def predict_rows(self, arrays: Any) -> Any:
            del arrays
            raise MemoryError("4 GB are not there")

    with pytest.raises(SetupFault, match="4 GB are not there"):
        handler.run_inference([[1.0]], Exhausted())


def test_rows_of_other_shapes_and_kinds() -> None:
    """Token lists of other lengths are good rows, each in a batch of its like."""
    case = cases.load("lstm")
    handler = HubModelHandler(case.path, signature="tokens", engine=ENGINE, on_error="return")
    predictor = hub.Predictor(case.path, signature="tokens", engine=ENGINE)
    tokens = case.value(case.calls[0]["inputs"]["tokens"])
    lengths = case.value(case.calls[0]["inputs"]["sequence_len"])
    size = int(tokens.shape[1])
    examples = [
        {"tokens": tokens[0], "sequence_len": lengths[0]},
        {"tokens": tokens[0][: size - 1].tolist(), "sequence_len": 1},
        {"tokens": tokens[0]},
        {"tokens": tokens[1], "sequence_len": lengths[1]},
        "no dict",
    ]
    first, second, third, fourth, fifth = handler.run_inference(examples, handler.load_model())
    whole = predictor({"tokens": tokens[:2], "sequence_len": lengths[:2]})
    np.testing.assert_array_equal(first.inference["default"], whole["default"][0])
    np.testing.assert_array_equal(fourth.inference["elmo"], whole["elmo"][1])
    alone = predictor({"tokens": tokens[:1, : size - 1], "sequence_len": np.array([1], np.int32)})
    np.testing.assert_array_equal(second.inference["default"], alone["default"][0])
    assert str(third.inference) == "The example lacks the input 'sequence_len'. It has: tokens."
    assert str(fifth.inference) == (
        "The example is 'no dict'. The signature has 2 inputs, so an example is a dict of them: sequence_len, tokens."
    )


def test_rows_of_beam_and_named_tuples_are_examples() -> None:
    handler = HubModelHandler(MODULE, engine=ENGINE)
    examples = [beam.Row(default="hello", id=3), Named(3, "hello"), "hello"]
    first, second, third = (
        result.inference["default"] for result in handler.run_inference(examples, handler.load_model())
    )
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(second, third)


def test_batching_arguments_reach_beam() -> None:
    handler = HubModelHandler(
        MODULE,
        engine=ENGINE,
        min_batch_size=2,
        max_batch_size=8,
        max_batch_duration_secs=3,
        max_batch_weight=100,
        element_size_fn=len,
        batch_length_fn=len,
        batch_bucket_boundaries=[4, 16],
        env_vars={"A": "b"},
    )
    assert handler.batch_elements_kwargs() == {
        "min_batch_size": 2,
        "max_batch_size": 8,
        "max_batch_duration_secs": 3,
        "max_batch_weight": 100,
        "element_size_fn": len,
        "length_fn": len,
        "bucket_boundaries": [4, 16],
    }
    assert handler.get_num_bytes(["four", {"x": np.ones([2], np.float32)}]) == 12


def test_a_pickle_is_small_and_gives_the_same_numbers() -> None:
    handler = HubModelHandler(MODULE, engine=ENGINE)
    data = pickle.dumps(handler)
    again = pickle.loads(data)
    assert len(data) < 20_000
    (one,), (other,) = (h.run_inference(["hello"], h.load_model()) for h in (handler, again))
    np.testing.assert_array_equal(one.inference["default"], other.inference["default"])


def test_errors_where_the_handler_is_made() -> None:
    with pytest.raises(hub.errors.NotAModuleError, match="There is nothing at /no/such/module"):
        HubModelHandler("/no/such/module")
    with pytest.raises(hub.errors.ArgumentError) as error:
        HubModelHandler(MODULE, on_error="skip")
    assert str(error.value) == "on_error='skip' is neither 'raise' nor 'return'."
    with pytest.raises(hub.errors.ArgumentError) as error:
        RunInference(HubModelHandler(MODULE), inference_args={"training": True}).expand(None)
    assert str(error.value) == (
        "A signature has inputs only, no inference_args such as 'training'. Give it as an input of each example, or choose "
        "it where the handler is made: tf1hub.beam.HubModelHandler(handle, signature=...)"
    )
    sparse = cases.load("sparse_io").path
    with pytest.raises(hub.errors.InputError, match="no dense tensor but SparseTensor"):
        HubModelHandler(sparse)
