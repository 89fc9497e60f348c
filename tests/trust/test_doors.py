"""No harmful module does its deed through any door, whoever opens it; allowed, it does, so that the corpus is real."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")

import tf1hub as hub  # noqa: E402
from tests.trust.corpus import Case, harmful, harmless  # noqa: E402
from tests.trust.graphs import write_module  # noqa: E402
from tests.trust.harm import Kit  # noqa: E402
from tf1hub.errors import Error, TrustError, UnsupportedGraphError  # noqa: E402

HARMFUL, HARMLESS = list(harmful()), list(harmless())
BY_NAME: dict[str, Case] = {case.name: case for case in (*HARMFUL, *HARMLESS)}
TEXTS = ["a", "bcd"]
NOT_BUILT = {"engine", "unknown", "function_as_op"}
"""TensorFlow has no such op, or no such function where functions are ops: refused before anything is asked."""


class Listener:
    """Listens on a port of loopback, and counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("localhost", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture
def kit(tmp_path: Path, listener: Listener) -> Kit:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "out").mkdir()
    return Kit(str(tmp_path / "secret"), str(tmp_path / "out"), listener.port)


def done(kit: Kit, listener: Listener, before: int) -> list[str]:
    """What was done: files that are there, and connections."""
    files = [path.name for path in Path(kit.out).rglob("*")]
    return files + ["a connection"] * (listener.connections - before)


# ------------------------------------------------------------------------ doors


def module(path: str, tags: Any) -> Any:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = hub.Module(path, tags=tags, trainable=True)(TEXTS)
        losses = tf.compat.v1.get_collection("regularization_losses")
        updates = tf.compat.v1.get_collection("update_ops")
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        return session.run([outputs, losses, updates])


def load(path: str, tags: Any) -> Any:
    loaded = hub.load(path, tags=tags)
    outputs = loaded(TEXTS)
    for loss in loaded.regularization_losses:
        loss()
    return outputs, loaded(TEXTS, training=True)


def layer(path: str, tags: Any) -> Any:
    made = hub.KerasLayer(path, tags=tags, trainable=True)
    outputs = made(tf.constant(TEXTS), training=True)
    return outputs, made.losses


def evaluated(path: str, tags: Any) -> Any:
    with hub.eval_function_for_module(path, tags=tags) as function:
        return function(TEXTS)


def predicted(path: str, tags: Any) -> Any:
    return hub.Predictor(path, tags=tags, engine="tensorflow")(TEXTS)


def predicted_on_numpy(path: str, tags: Any) -> Any:
    return hub.Predictor(path, tags=tags, engine="numpy")(TEXTS)


def in_jax(path: str, tags: Any) -> Any:
    return hub.to_jax(path, tags=tags)


def converted(path: str, tags: Any) -> Any:
    return hub.convert(path, f"{path}_converted", tags=tags)


def column(path: str, tags: Any) -> Any:
    if tags:
        raise TrustError("columns take the inference variant")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        made = hub.text_embedding_column("text", path, trainable=True)
        outputs = tf.compat.v1.feature_column.input_layer({"text": tf.constant(TEXTS)}, [made])
        losses = tf.compat.v1.get_collection("regularization_losses")
        updates = tf.compat.v1.get_collection("update_ops")
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        return session.run([outputs, losses, updates])


DOORS: list[Callable[[str, Any], Any]] = [
    module,
    load,
    layer,
    evaluated,
    predicted,
    predicted_on_numpy,
    converted,
    column,
    *([in_jax] if find_spec("jax") else []),
]
NOT_OF_TRAINING = {"read_in_loss", "write_in_update_ops"}
"""What only training runs; doors for inference may be opened."""
NEVER_RUN = {"write_in_saved_model_main_op", "write_in_legacy_init_op"}
"""What SavedModels have, and modules do not."""


@pytest.mark.parametrize("case", HARMFUL, ids=lambda case: case.name)
def test_no_door_lets_harm_happen(case: Case, tmp_path: Path, kit: Kit, listener: Listener):
    path, before = case.write(tmp_path, kit), listener.connections
    tags = {"train"} if case.name == "write_in_train" else None
    for door in DOORS:
        trains = door in (module, load, layer, column)
        runs = case.name not in NEVER_RUN and (trains or case.name not in NOT_OF_TRAINING)
        if not runs:
            with contextlib.suppress(Error):
                door(path, tags)
        else:
            # What TensorFlow 2 cannot have is refused before anything is asked.
            other = UnsupportedGraphError if door is not module or _not_built(case) else TrustError
            with pytest.raises((TrustError, other)) as error:
                door(path, tags)
            # TensorFlow's own loader runs everything: no advice for such a module.
            assert "saved_model.load" not in str(error.value)
        assert done(kit, listener, before) == [], door.__name__
    with contextlib.suppress(Error):
        hub.check(path)
    assert done(kit, listener, before) == []
    assert (tmp_path / "secret").read_text() == "secret"


def _not_built(case: Case) -> bool:
    return any(case.name == name or case.name.endswith(f"_in_{name}") for name in NOT_BUILT)


@pytest.mark.parametrize("case", [c for c in HARMFUL if c.effect == "file"], ids=lambda case: case.name)
def test_what_is_allowed_is_done(case: Case, tmp_path: Path, kit: Kit, listener: Listener):
    path, before = case.write(tmp_path, kit), listener.connections
    waiting = tf.compat.v1.RunOptions(timeout_in_ms=2000)
    failing = contextlib.suppress(Error, tf.errors.OpError)
    with failing, tf.Graph().as_default(), tf.compat.v1.Session() as session:
        session.run(hub.Module(path, trust=True)(TEXTS), options=waiting)
    assert done(kit, listener, before) != []


@pytest.mark.parametrize("trust", [True, {"reads files"}])
def test_what_is_allowed_is_predicted(trust: Any, tmp_path: Path, kit: Kit):
    def module_fn() -> None:
        texts = tf.compat.v1.placeholder(tf.string, [None])
        hub.add_signature(inputs=texts, outputs=tf.strings.join([texts, tf.io.read_file(kit.secret)]))

    path = str(tmp_path / "module")
    hub.create_module_spec(module_fn).export(path)
    for handle in (path, hub.load_module_spec(path)):
        predictor = hub.Predictor(handle, engine="tensorflow", trust=trust)
        assert predictor(["a "])["default"].tolist() == [b"a secret"]


def test_what_is_allowed_connects(tmp_path: Path, kit: Kit, listener: Listener):
    path, before = BY_NAME["debug_to_host"].write(tmp_path, kit), listener.connections
    program = f"import tf1hub as hub\nwith hub.eval_function_for_module({path!r}, trust=True) as f: f(['a'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
    try:
        # TensorFlow's debugger waits for as long as nobody answers it.
        deadline = time.monotonic() + 60
        while listener.connections == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert listener.connections > before


def test_saved_model_is_refused_as_a_whole(tmp_path: Path, kit: Kit, listener: Listener):
    path = write_module(tmp_path / "saved", *BY_NAME["write"].variants(kit), is_module=False)
    for door in (hub.load, hub.KerasLayer):
        with pytest.raises(TrustError, match="writes files: WriteFile"):
            door(path)
    assert done(kit, listener, listener.connections) == []
    assert hub.load(path, trust={"writes files"}).signatures is not None


@pytest.mark.parametrize("case", [c for c in HARMLESS if c.name in ("nothing", "vocabulary_words", "saver", "unreached_harm", "counted_loop")], ids=lambda case: case.name)  # fmt: skip
def test_harmless_modules_pass_every_door(case: Case, tmp_path: Path, kit: Kit):
    path = case.write(tmp_path, kit)
    for door in DOORS:
        door(path, None)
    assert hub.check(path).count("error") == 0
