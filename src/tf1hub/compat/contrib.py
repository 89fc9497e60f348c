"""The parts of `tf.contrib` that programs with modules use most, answered by what took their place."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tf1hub.compat.alias import AliasFinder, AliasModule, attribute_or_submodule, serve
from tf1hub.errors import MissingDependencyError

PACKAGE = "tensorflow.contrib"

_V1 = "tensorflow.compat.v1"


@dataclass(frozen=True)
class Package:
    """What stands in for one package of contrib.

    Attributes:
        sources: `module` or `module:attribute.path`; the first that has a name gives it.
        names: names that are called otherwise today, each with its `module:attribute.path`.
    """

    sources: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


_HERE = "tf1hub.compat.contrib"
_PREDICTOR = ("from_estimator", "from_saved_model")
_CRF = (
    "crf_binary_score",
    "crf_constrained_decode",
    "crf_decode",
    "crf_filtered_inputs",
    "crf_log_likelihood",
    "crf_log_norm",
    "crf_multitag_sequence_score",
    "crf_sequence_score",
    "crf_unary_score",
    "viterbi_decode",
)

PACKAGES: Mapping[str, Package] = {
    "slim": Package(("tf_slim",)),
    # The internal paths under which the slim model zoo and its forks import the same.
    "slim.python.slim": Package(("tf_slim",)),
    "slim.python.slim.nets": Package(("tf_slim.nets",)),
    "layers": Package(("tf_slim.layers", "tf_slim")),
    "layers.python.layers": Package(("tf_slim.layers", "tf_slim")),
    "framework": Package(
        ("tf_slim", f"{_V1}:train"),
        {
            "sort": f"{_V1}:sort",
            "argsort": f"{_V1}:argsort",
            "nest": f"{_V1}:nest",
            "is_tensor": f"{_V1}:is_tensor",
            "load_variable": f"{_V1}:train.load_variable",
        },
    ),
    "framework.python.ops": Package(("tf_slim.ops", "tf_slim")),
    "losses": Package(("tf_slim.losses",)),
    "metrics": Package(("tf_slim.metrics", f"{_V1}:metrics")),
    "training": Package(("tf_slim.training",), {"HParams": "tf1hub.compat.hparams:HParams"}),
    "training.python.training.hparam": Package((), {"HParams": "tf1hub.compat.hparams:HParams"}),
    "lookup": Package(("tf1hub._tensorflow:lookup_ops",)),
    "data": Package(
        (f"{_V1}:data.experimental",), {"batch_and_drop_remainder": f"{_HERE}:batch_and_drop_remainder"}
    ),
    "rnn": Package(
        (f"{_V1}:nn.rnn_cell",),
        {
            "static_rnn": f"{_V1}:nn.static_rnn",
            "static_bidirectional_rnn": f"{_V1}:nn.static_bidirectional_rnn",
        },
    ),
    "crf": Package((), {name: f"tf1hub.compat.crf:{name}" for name in _CRF}),
    "predictor": Package((), {name: f"tf1hub.compat.predictor:{name}" for name in _PREDICTOR}),
    "estimator": Package((f"{_V1}:estimator.experimental", f"{_V1}:estimator")),
    "distribute": Package((f"{_V1}:distribute",)),
    "cluster_resolver": Package((f"{_V1}:distribute.cluster_resolver",)),
    "tpu": Package((f"{_V1}:tpu", f"{_V1}:estimator.tpu")),
    "util": Package(
        (),
        {
            "make_tensor_proto": f"{_V1}:make_tensor_proto",
            "make_ndarray": f"{_V1}:make_ndarray",
            "constant_value": f"{_V1}:get_static_value",
        },
    ),
}


def install_contrib() -> None:
    """Lets `import tensorflow.contrib...` find the packages above."""
    serve(AliasFinder(PACKAGE, make))


def make(fullname: str) -> ModuleType:
    """The module that stands in for `tensorflow.contrib` or one of its packages.

    Raises:
        ModuleNotFoundError: nothing stands in for it; the message lists what there is.
    """
    path = fullname.removeprefix(PACKAGE).lstrip(".")
    if path in PACKAGES:
        return AliasModule(fullname, lambda name: _lookup(path, name), lambda: _names(path))
    if not path or any(known.startswith(path + ".") for known in PACKAGES):
        return AliasModule(fullname, lambda name: _subpackage(fullname, name), lambda: _children(path))
    parent, _, name = path.rpartition(".")
    if parent in PACKAGES:
        found = _search(parent, name)
        if isinstance(found, ModuleType):
            inner = found
            return AliasModule(fullname, lambda name: attribute_or_submodule(inner, name), lambda: dir(inner))
    raise ModuleNotFoundError(missing(fullname), name=fullname)


def batch_and_drop_remainder(batch_size: int) -> Any:
    """A transformation for `Dataset.apply`: batches of one size, the rest left out."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


def _subpackage(package: str, name: str) -> Any:
    try:
        return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(str(error)) from error


def _lookup(path: str, name: str) -> Any:
    found = _search(path, name)
    if found is not None:
        return found
    if any(known.startswith(f"{path}.{name}") for known in PACKAGES):
        return importlib.import_module(f"{PACKAGE}.{path}.{name}")
    raise AttributeError(missing(f"{PACKAGE}.{path}.{name}"))


def _search(path: str, name: str) -> Any:
    package = PACKAGES[path]
    if name in package.names:
        return _resolve(package.names[name], path)
    for source in package.sources:
        try:
            return attribute_or_submodule(_resolve(source, path), name)
        except AttributeError:
            continue
    return None


def _resolve(source: str, path: str) -> Any:
    module, _, attributes = source.partition(":")
    value: Any = _import(module, path)
    for attribute in attributes.split(".") if attributes else ():
        value = getattr(value, attribute)
    return value


def _import(module: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "tf_slim":
            raise
        raise MissingDependencyError(
            f"tf.contrib.{path} is answered by tf-slim, which is not installed. "
            "Install it with: pip install tf-slim (or tf1hub[legacy], which brings tf_keras too)."
        ) from error


def _names(path: str) -> list[str]:
    package = PACKAGES[path]
    found = set(package.names)
    for source in package.sources:
        found.update(name for name in dir(_resolve(source, path)) if not name.startswith("_"))
    return sorted(found)


def _children(path: str) -> list[str]:
    prefix = path + "." if path else ""
    return sorted(
        {known.removeprefix(prefix).partition(".")[0] for known in PACKAGES if known.startswith(prefix)}
    )


def lacks(fullname: str) -> MissingDependencyError | None:
    """The error that using a package of contrib will raise if its substitute is not installed; otherwise None."""
    path = fullname.removeprefix(PACKAGE).lstrip(".")
    for source in PACKAGES[path].sources if path in PACKAGES else ():
        try:
            _import(source.partition(":")[0], path)
        except MissingDependencyError as error:
            return error
    return None


def missing(fullname: str) -> str:
    """The sentence about a name of contrib that nothing answers."""
    return (
        f"No {fullname.replace('tensorflow', 'tf', 1)!r}: tf.contrib ended with TensorFlow 1.15. "
        f"tf1hub supports the parts that have a successor: {', '.join(_children(''))}."
    )
