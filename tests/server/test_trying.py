"""Running a module for a visitor, in a process with limits."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from golden import cases
from serving import serving

from tf1hub.errors import ArgumentError, RepositoryError, UnsupportedGraphError
from tf1hub.server import trying
from tf1hub.server.options import ServerOptions

CASE = cases.load("image")


def call_of(case, signature):
    return next(call for call in case.calls if call["signature"] == signature and not call.get("tags"))


def test_the_numbers_are_the_originals():
    call = call_of(CASE, "image_classification")
    given = {name: np.asarray(value).tolist() for name, value in CASE.values(call["inputs"]).items()}
    found = trying.run_apart(CASE.path, "image_classification", given)["outputs"]["default"]
    expected = CASE.values(call["outputs"])["default"]
    assert found["shape"] == list(expected.shape)
    np.testing.assert_allclose(found["values"], expected.ravel(), **cases.TOLERANCE)


def test_wrong_inputs_are_told_in_words():
    path = cases.load("half_plus_two").path
    with pytest.raises(
        ArgumentError,
        match=r"^The input 'default' takes float32 \[\?, 1\]; that cannot be made of what was given\.$",
    ):
        trying.run_apart(path, "default", {"default": "x"})
    with pytest.raises(ArgumentError, match=r"^The input 'default' is missing\.$"):
        trying.run_apart(path, "default", {})


def test_what_takes_too_much_is_ended(monkeypatch):
    path = cases.load("half_plus_two").path
    with pytest.raises((RepositoryError, UnsupportedGraphError), match=r"limits|more than 8 MiB"):
        trying.run_apart(path, "default", {"default": [[1.0]]}, memory=8 << 20)
    monkeypatch.setattr(trying, "SECONDS", 0.05)
    with pytest.raises(RepositoryError, match=r"^It took more than 0\.05 seconds, and was ended\.$"):
        trying.run_apart(path, "default", {"default": [[1.0]]})


@pytest.mark.parametrize("can_try", [True, False])
def test_the_server_runs_modules_only_where_it_was_told_to(tmp_path, can_try):
    shutil.copytree(cases.load("half_plus_two").path, tmp_path / "demo" / "half" / "1")
    with serving(tmp_path, ServerOptions(try_modules=can_try, in_browsers=False)) as served:
        served.repository.refresh()
        body = json.dumps({"signature": "default", "inputs": {"default": [[1.0], [2.0]]}})
        headers = {"Content-Type": "application/json"}
        answer = served.ask("POST", "/demo/half/1/try", body=body, headers=headers)
        page = served.ask("GET", "/demo/half/1").data.decode()
        assert ('id="try"' in page) == can_try
        if not can_try:
            assert answer.status == 403
            return
        assert json.loads(answer.data)["outputs"]["default"] == {
            "dtype": "float32",
            "shape": [2, 1],
            "values": [2.5, 3.0],
        }
        form = served.ask("POST", "/demo/half/1/try", body=body, headers={"Content-Type": "text/plain"})
        assert form.status == 415
        assert served.ask("POST", "/demo/half/1/try", body="[]", headers=headers).status == 400
        wrong = served.ask("POST", "/demo/half/1/try", body='{"signature":"no","inputs":{}}', headers=headers)
        assert wrong.status == 422
        assert str(tmp_path) not in wrong.data.decode()
        large = served.ask("POST", "/demo/half/1/try", body=b"x" * (5 << 20), headers=headers)
        assert large.status == 413


@pytest.mark.parametrize("named", ["by the caller", "by the module"])
def test_what_reaches_for_files_is_never_run(tmp_path, named):
    """Trust lets callers name a file that a module reads; a visitor may not."""
    import tensorflow as tf

    import tf1hub as hub

    def module_fn():
        name = tf.compat.v1.placeholder(tf.string, [None])
        file = name[0] if named == "by the caller" else tf.constant("/etc/passwd")
        hub.add_signature(inputs=name, outputs=tf.strings.join([name[0], tf.io.read_file(file)]))

    spec = hub.create_module_spec(module_fn)
    directory = tmp_path / "demo" / "reader" / "1"
    spec.export(str(directory), values=hub.initial_values(spec))
    with serving(tmp_path, ServerOptions(try_modules=True, browser_runtime=str(tmp_path))) as served:
        served.repository.refresh()
        body = json.dumps({"signature": "default", "inputs": {"default": ["/etc/passwd"]}})
        answer = served.ask(
            "POST", "/demo/reader/1/try", body=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status == 403
        assert "reaches for more than its own files" in answer.data.decode()
        page = served.ask("GET", "/demo/reader/1").data.decode()
        assert 'id="try"' not in page
        assert "It computes, and nothing else" not in page
        assert ("It reaches for what its caller names" in page) == (named == "by the caller")
        assert served.ask("GET", "/demo/reader/1/model.onnx?signature=default").status == 404
    if named == "by the module":
        # Nor by who calls what the server calls.
        with pytest.raises(ArgumentError, match="reads files"):
            trying.run_apart(str(directory), "default", {"default": ["a"]})
