"""`tf.contrib.predictor`: a SavedModel or an Estimator as a function of a dict of arrays, for scripts that serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf1hub.errors import CreationError, UnknownNameError

tf1 = tf.compat.v1

_DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY

_TOO_MUCH = (
    "A predictor is made of one of three: signature_def_key, or signature_def, or input_names and output_names "
    "together. Given: {given}."
)


class Predictor:
    """Runs a graph on a dict of arrays, in one session that stays open.

    Attributes:
        graph: the graph.
        session: its session.
        feed_tensors: the tensors to feed, by name.
        fetch_tensors: the tensors to fetch, by name.
    """

    def __init__(
        self, graph: Any, session: Any, feed_tensors: Mapping[str, Any], fetch_tensors: Mapping[str, Any]
    ) -> None:
        self.graph = graph
        self.session = session
        self.feed_tensors = dict(feed_tensors)
        self.fetch_tensors = dict(fetch_tensors)

    def __repr__(self) -> str:
        return f"Predictor with feed tensors {self.feed_tensors} and fetch_tensors {self.fetch_tensors}"

    def __call__(self, input_dict: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs, by name, for the inputs, by name; what has a default may be left out.

        Raises:
            UnknownNameError: there is no such input.
        """
        unknown = sorted(set(input_dict) - set(self.feed_tensors))
        if unknown:
            raise UnknownNameError(
                f"The predictor has no input {', '.join(map(repr, unknown))}. "
                f"It has: {', '.join(map(repr, sorted(self.feed_tensors))) or 'none'}."
            )
        feed = {self.feed_tensors[name]: value for name, value in input_dict.items()}
        outputs: dict[str, Any] = self.session.run(self.fetch_tensors, feed)
        return outputs


def from_saved_model(
    export_dir: str,
    signature_def_key: str | None = None,
    signature_def: Any = None,
    input_names: Mapping[str, str] | None = None,
    output_names: Mapping[str, str] | None = None,
    tags: str | None = None,
    graph: Any = None,
    config: Any = None,
) -> Predictor:
    """Makes a predictor of a SavedModel.

    Args:
        export_dir: the SavedModel's directory.
        signature_def_key: the signature; `"serving_default"` where nothing is said.
        signature_def: a `SignatureDef` message in place of one of the SavedModel's.
        input_names: tensor names by the names of inputs, in place of a signature's.
        output_names: alike, for outputs.
        tags: those of the meta graph, with commas between them; None is `"serve"`.
        graph: where the SavedModel is loaded; None makes a graph.
        config: a `ConfigProto` for the session.

    Raises:
        CreationError: the inputs and outputs are given in more than one way, or incompletely.
        UnknownNameError: the SavedModel has no such signature.
        OSError: there is no SavedModel.
        RuntimeError: it has no meta graph with these tags.
    """
    given = {
        "signature_def_key": signature_def_key,
        "signature_def": signature_def,
        "input_names": input_names,
        "output_names": output_names,
    }
    names = [name for name, value in given.items() if value is not None]
    if names not in ([], ["signature_def_key"], ["signature_def"], ["input_names", "output_names"]):
        raise CreationError(_TOO_MUCH.format(given=", ".join(names)))
    graph = tf.Graph() if graph is None else graph
    session = tf1.Session(graph=graph, config=config)
    with graph.as_default():
        loaded = tf1.saved_model.loader.load(session, (tags or "serve").split(","), export_dir)
    if input_names is not None and output_names is not None:
        feeds = {key: graph.get_tensor_by_name(name) for key, name in input_names.items()}
        fetches = {key: graph.get_tensor_by_name(name) for key, name in output_names.items()}
        return Predictor(graph, session, feeds, fetches)
    if signature_def is None:
        signature_def = _signature(loaded.signature_def, signature_def_key, export_dir)
    return _from_signature(graph, session, signature_def)


def from_estimator(
    estimator: Any,
    serving_input_receiver_fn: Callable[[], Any],
    output_key: str | None = None,
    graph: Any = None,
    config: Any = None,
) -> Predictor:
    """Makes a predictor of an Estimator's model, with the values of its latest checkpoint.

    Args:
        estimator: the Estimator.
        serving_input_receiver_fn: returns a `tf.estimator.export.ServingInputReceiver`: what is fed, and the features
            that the model gets for it.
        output_key: which of the model's `export_outputs`; None is `"serving_default"`.
        graph: where the model is built; None makes a graph.
        config: a `ConfigProto` for the session.

    Raises:
        UnknownNameError: the model has no such output.
    """
    graph = tf.Graph() if graph is None else graph
    with graph.as_default():
        tf1.train.get_or_create_global_step()
        receiver = serving_input_receiver_fn()
        mode = tf1.estimator.ModeKeys.PREDICT
        model = estimator.model_fn(receiver.features, None, mode, estimator.config)
        signatures = {
            key: output.as_signature_def(receiver.receiver_tensors)
            for key, output in model.export_outputs.items()
        }
        creator = tf1.train.ChiefSessionCreator(
            model.scaffold, config=config, checkpoint_filename_with_path=estimator.latest_checkpoint()
        )
        session = tf1.train.MonitoredSession(creator)
        return _from_signature(
            graph, session, _signature(signatures, output_key, "the model of the Estimator")
        )


def _signature(signatures: Mapping[str, Any], key: str | None, where: str) -> Any:
    wanted = key or _DEFAULT
    if wanted not in signatures:
        known = ", ".join(map(repr, sorted(signatures))) or "none"
        raise UnknownNameError(f"No signature {wanted!r} in {where}. It has: {known}.")
    return signatures[wanted]


def _from_signature(graph: Any, session: Any, signature: Any) -> Predictor:
    def tensors(infos: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: tf1.saved_model.utils.get_tensor_from_tensor_info(info, graph) for key, info in infos.items()
        }

    return Predictor(graph, session, tensors(signature.inputs), tensors(signature.outputs))
