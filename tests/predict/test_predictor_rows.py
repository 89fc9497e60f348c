"""hub.Predictor over many rows: batches, faulty rows, outputs, decoding, the measured size. None of it needs TensorFlow."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from golden import cases
from predict.golden_calls import values

import tf1hub as hub
from tf1hub.errors import ArgumentError, CheckFailedError, InputError, ResolveError
from tf1hub.predict.batch_size import measure_batch_size
from tf1hub.predict.loaded_signature import LoadedSignature
from tf1hub.predict.row_faults import find_faults
from tf1hub.predict.row_values import count_rows, cut_rows, join_rows, no_rows

TEXT = cases.load("text_embedding").path
HALF = cases.load("half_plus_two").path
IMAGE = cases.load("image").path
TEXTS = [f"the word {number} of {number % 7}" for number in range(1000)]


def predictor(path: str = TEXT, **given: Any) -> hub.Predictor:
    return hub.Predictor(path, engine="numpy", **given)


@pytest.fixture(scope="module")
def whole() -> Any:
    return predictor(batch_size=None)(TEXTS)["default"]


@pytest.mark.parametrize(
    "given", [{"batch_size": 64}, {"batch_size": 999}, {"batch_size": 64, "threads": 3}, {}]
)
def test_batches_give_what_all_rows_at_once_give(whole: Any, given: dict[str, Any]) -> None:
    np.testing.assert_array_equal(predictor(**given)(TEXTS)["default"], whole)


# Those that take the mean of a batch have other rows in each batch.
@pytest.mark.parametrize("name", [name for name in cases.NAMES if not name.endswith("_switch")])
def test_golden_calls_in_batches_of_one(name: str) -> None:
    case = cases.load(name)
    for call in case.calls:
        if "train" in call["tags"]:
            continue
        batched = hub.Predictor(case.path, call["signature"], call["tags"], "numpy", batch_size=1)
        outputs = batched(values(case, call["inputs"]))
        for output, wanted in case.values(call["outputs"]).items():
            if not (isinstance(wanted, dict) and "indices" in wanted):
                cases.assert_matches(outputs[output], wanted)


def test_rows_that_depend_on_each_other_are_not_cut() -> None:
    # Batch statistics: halves would have others than the whole.
    images = np.random.default_rng(0).random((400, 16, 16, 3), np.float32)
    asked = {"tags": {"train"}, "engine": "numpy"}
    whole = hub.Predictor(IMAGE, batch_size=None, **asked)(images)["default"]
    np.testing.assert_array_equal(hub.Predictor(IMAGE, **asked)(images)["default"], whole)
    # Here only the numbers tell.
    path = cases.load("launch_switch").path
    x = np.random.default_rng(0).random((400, 6), np.float32)
    whole = predictor(path, batch_size=None)(x)["default"]
    np.testing.assert_array_equal(predictor(path)(x)["default"], whole)


def test_faulty_rows_are_found_and_all_others_are_equal_to_the_bit(whole: Any) -> None:
    bad = {7: None, 500: 3, 999: 1.5}
    texts = [bad.get(row, text) for row, text in enumerate(TEXTS)]
    for threads in (None, 2):
        results = predictor(batch_size=64, threads=threads).predict_rows(texts)
        good = [row for row in range(1000) if row not in bad]
        assert results.rows.tolist() == good
        assert sorted(results.errors) == [*bad]
        np.testing.assert_array_equal(results.outputs["default"], whole[good])
        assert results.errors[500] == (
            f"The input 'default' of the signature 'default' of variant {{}} of {TEXT} is string [?]; it was given [3]."
        )


def test_a_call_names_the_faulty_row() -> None:
    with pytest.raises(InputError) as caught:
        predictor()([b"a", None, "b"])
    assert str(caught.value) == (
        f"Row 1: The input 'default' of the signature 'default' of variant {{}} of {TEXT} is string [?]; it was given [None]."
    )


def test_errors_as_a_column() -> None:
    outputs = predictor(on_error="column")(["a", None])
    assert np.isfinite(outputs["default"][0]).all()
    assert np.isnan(outputs["default"][1]).all()
    assert outputs["error"][0] is None
    assert outputs["error"][1].endswith("is string [?]; it was given [None].")


def test_rows_that_an_op_cannot_compute() -> None:
    case = cases.load("launch_rnn")
    (call, *_) = case.calls
    given = values(case, call["inputs"])
    tokens = np.repeat(given["tokens"], 10, 0)
    lengths = np.repeat(given["sequence_len"], 10)
    rnn = hub.Predictor(case.path, engine="numpy", batch_size=16)
    wanted = rnn({"tokens": tokens, "sequence_len": lengths})
    tokens[3, 0] = 10**6  # no such row of the embedding
    results = rnn.predict_rows({"tokens": tokens, "sequence_len": lengths})
    assert list(results.errors) == [3]
    assert "cannot compute with" in results.errors[3]
    for name, found in results.outputs.items():
        np.testing.assert_array_equal(found, wanted[name][results.rows])


def test_an_array_of_another_type_is_no_fault_of_its_rows() -> None:
    with pytest.raises(InputError, match=r"it was given float64 \[3\]"):
        predictor().predict_rows(np.zeros(3))
    with pytest.raises(InputError, match="What was given lacks 'default'"):
        predictor().predict_rows({})


def test_a_fault_of_the_setup_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    one = predictor(batch_size=8)
    for error in (ResolveError("no disk"), MemoryError("no memory")):
        calls = []

        def fail(_: Any, error: Exception = error, calls: list[int] = calls) -> None:
            calls.append(1)
            raise error

        monkeypatch.setattr(one._signature, "compute", fail)
        with pytest.raises(type(error), match="no "):
            one.predict_rows(TEXTS)
        assert calls == [1]


def test_faults_that_no_row_has_alone_are_raised() -> None:
    assert find_faults(lambda *_: None, 0, 1) == {}

    def run(start: int, stop: int) -> None:
        if stop - start > 3 or start <= 11 < stop:
            raise CheckFailedError("too many, or row 11")

    assert find_faults(run, 0, 16) == {11: "too many, or row 11"}


def test_only_the_outputs_that_are_wanted() -> None:
    case = cases.load("ref_variables_mlp")
    x = values(case, case.calls[0]["inputs"])
    both = predictor(case.path)(x)
    assert predictor(case.path, outputs=["hidden_activations"])(x).keys() == {"hidden_activations"}
    renamed = predictor(case.path, outputs={"h": "hidden_activations"})(x)
    np.testing.assert_array_equal(renamed["h"], both["hidden_activations"])


def test_outputs_whose_rows_differ_in_shape() -> None:
    case = cases.load("lstm")
    call = case.calls[0]
    given = {name: np.repeat(value, 4, 0) for name, value in values(case, call["inputs"]).items()}
    given["sequence_len"] = np.where(np.arange(len(given["sequence_len"])) < 4, 1, 2).astype(np.int32)
    lstm = hub.Predictor(case.path, call["signature"], engine="numpy", batch_size=4)
    assert lstm(given)["default"].shape[0] == len(given["sequence_len"])


def _png(color: tuple[int, int, int], size: tuple[int, int] = (16, 16), kind: str = "PNG") -> bytes:
    image = pytest.importorskip("PIL.Image").new("RGB", size, color)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_images_as_encoded_bytes() -> None:
    data = [_png((255, 0, 51)), b"no image", _png((255, 0, 51), (64, 48), "JPEG"), 3]
    results = predictor(IMAGE, decode="image").predict_rows(data)
    assert list(results.errors) == [1, 3]
    assert results.errors[1].startswith("It cannot be decoded: UnidentifiedImageError: ")
    assert results.errors[3] == "It is to be decoded, so it must be bytes; it was given int."
    wanted = predictor(IMAGE)(np.full((1, 16, 16, 3), [1.0, 0.0, 0.2], np.float32))["default"]
    np.testing.assert_allclose(results.outputs["default"][0], wanted[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results.outputs["default"][1], wanted[0], rtol=0.1, atol=0.02)


def test_a_decoder_of_ones_own() -> None:
    def decode(data: bytes) -> Any:
        return [float(data)]

    half = predictor(HALF, decode=decode)
    assert half([b"1", b"2"])["default"].tolist() == [[2.5], [3.0]]
    with pytest.raises(InputError, match=r"^Row 1: It cannot be decoded: ValueError: could not convert"):
        half([b"1", b"x"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size= is a number of at least 1, 'auto', or None for all rows at once; it was given 0."),
        ({"threads": True}, "threads= is a number of at least 1, or None; it was given True."),
        ({"on_error": "skip"}, "on_error= is 'raise' or 'column'; it was given 'skip'."),
        (
            {"decode": "image"},
            "decode= is 'image', a function from bytes to an array, or a dict of these by the names of inputs; it was given "
            "'image'. The inputs are 'default': float32 [?, 1].",
        ),
    ],
)  # fmt: skip
def test_wrong_arguments(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        predictor(HALF, **given)
    assert str(caught.value) == message


def test_inputs_of_unequal_length() -> None:
    case = cases.load("launch_rnn")
    rnn = predictor(case.path, batch_size=2)
    with pytest.raises(InputError, match=r"differ in their number of rows: 'sequence_len': 3, 'tokens': 4\."):
        rnn({"tokens": np.zeros([4, 5], np.int32), "sequence_len": np.zeros(3, np.int32)})


def test_sparse_and_ragged_rows_are_cut_and_joined() -> None:
    sparse = hub.SparseArray(np.array([[0, 1], [2, 0], [2, 3]]), np.array([1.0, 2.0, 3.0]), np.array([4, 5]))
    ragged = hub.RaggedArray(np.arange(6), (np.array([0, 2, 3]), np.array([0, 1, 3, 6])))
    for value in (sparse, ragged):
        rows = count_rows(value)
        parts = [cut_rows(value, row, row + 1) for row in range(rows)]
        again = join_rows(parts, "x")
        assert repr(again) == repr(value)
    assert no_rows(predictor(cases.load("sparse_io").path).outputs["doubled"]).dense_shape.tolist() == [0, 0]


def test_the_measured_size_is_the_smallest_that_is_nearly_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])
    ran = []

    def run(size: int) -> None:
        # A cost for each call and for each row, which grows behind 256 rows.
        ran.append(size)
        now[0] += 0.001 + size * 1e-5 * (1 if size <= 256 else 3)

    assert measure_batch_size(run, 10_000) == 256
    assert max(ran) == 1024  # two falls
    ran.clear()
    assert measure_batch_size(run, 100) == 64
    assert max(ran) <= 100

    def run_evenly(size: int) -> None:
        now[0] += size

    assert measure_batch_size(run_evenly, 10_000) == 1


def test_each_run_that_is_measured_has_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same ones would lie in the processor's cache, with all that they look up.
    one = predictor()
    first: dict[int, set[bytes]] = {}
    run = LoadedSignature.run

    def note(self: LoadedSignature, given: Any) -> dict[str, Any]:
        (texts,) = given.values()
        first.setdefault(len(texts), set()).add(texts[0])
        return run(self, given)

    monkeypatch.setattr(LoadedSignature, "run", note)
    one.measure_batch_size(TEXTS)
    assert len(first[32]) > 1


def test_measuring_ends_in_time() -> None:
    started = time.perf_counter()
    assert measure_batch_size(lambda size: time.sleep(0.05 * size), 1000, 0.5) in (1, 2, 4)
    assert time.perf_counter() - started < 5


def test_a_busy_machine_does_not_end_the_measuring_early() -> None:
    ran: list[int] = []

    def run(size: int) -> None:
        ran.append(size)
        time.sleep(0.002)  # in which others have the processor
        ends = time.process_time() + 4e-5 + size * 1e-7
        while time.process_time() < ends:
            pass

    assert measure_batch_size(run, 4096, 0.1) >= 512
    ran.clear()
    measure_batch_size(lambda size: (run(size), time.sleep(0.02)), 4096, 0.1)
    assert max(ran) < 4096  # but it ends


def test_a_size_is_measured_once_and_travels() -> None:
    import pickle

    one = predictor()
    size = one.measure_batch_size(TEXTS)
    assert size is not None
    assert one.measure_batch_size(TEXTS) == size
    assert pickle.loads(pickle.dumps(one)).measure_batch_size(TEXTS[:3]) == size
