"""What a form has to have: each form of this room is a subclass of `Form`."""

from __future__ import annotations

import gc
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tf1hub.errors import MissingDependencyError
from tf1hub.format.saved_model import FILE_NAME
from tf1hub.progress import Say
from tf1hub.spec.module_spec import ModuleSpec
from tf1hub.spec.refused_nodes import Refusal
from tf1hub.spec.variant import Variant
from tf1hub.trial.arrays_on_disk import ArrayFile
from tf1hub.trial.compared import Compared
from tf1hub.trial.expected import Given, Oracle, run_signatures
from tf1hub.trial.signature_check import Opened, compare

if TYPE_CHECKING:
    from tf1hub.tf2.loaded import LoadedModule


@dataclass(frozen=True)
class Options:
    """The options of a conversion. Each form lists in `Form.options` which of them it reads.

    Attributes:
        trainable: the variables that optimizers will see.
        serving_default: the signature that serving tools call by default.
        frozen: whether variables become constants.
        signature: the only signature to write.
        strings: where ops on strings run: `"host"` for beside what was written, `"graph"` for in it.
    """

    trainable: Any = True
    serving_default: str | None = None
    frozen: bool = False
    signature: str | None = None
    strings: str = "host"


@dataclass
class ConversionRequest:
    """One conversion.

    Attributes:
        spec: the module, with values for all of its variables.
        variants: those that run without and with `training=True`; they may be one.
        options: what the caller asks for.
        say: is told what is under way.
        imports: modules that bring ops, to import before what was written is opened.
        module: the module loaded, where it had to be, or was given so. A form that needs it takes it from here, so that
            nobody else holds its variables.
        values_stay_stored: whether the variables of that module have no values, which are those of the checkpoint.
    """

    spec: ModuleSpec
    variants: tuple[Variant, Variant]
    options: Options
    say: Say
    imports: tuple[str, ...] = ()
    module: LoadedModule | None = field(default=None, repr=False)
    values_stay_stored: bool = False

    @property
    def inference(self) -> Variant:
        """The variant for inference."""
        return self.variants[0]


@dataclass(frozen=True)
class Written:
    """What a form wrote.

    Attributes:
        signatures: for the name of each signature in it the names of its inputs.
        serving_default: the module's signature that is called where a caller names none; None for none.
        compared: the signatures of the module to compare; None for all.
        tensors: for each signature, what its inputs and outputs are called in what was written, where callers have to know.
        notes: what users of it have to know besides, in sentences.
    """

    signatures: Mapping[str, tuple[str, ...]]
    serving_default: str | None = None
    compared: Sequence[str] | None = None
    tensors: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Form(ABC):
    """What a module can be converted to. Each form is a subclass in a file of its own, with a line in `registry.py`.

    Attributes:
        name: what `to=` calls it.
        words: what it is, in words.
        suffix: how the name of its file usually ends; empty for a directory.
        companions: how the names of the files end that are written beside its file, after the whole name of it.
        last: of a directory, the file without which nobody takes it for whole.
        taken: of a directory, the names that it must not hold before; None wants it empty.
        packages: what must be installed to write it and to open it, as it is imported.
        extra: the extra of this library that installs them, but TensorFlow, which has a choice of builds.
        options: the names of the `Options` that it reads.
        trains: whether it runs with `training=True`.
        asks_converter: whether only the work itself tells what else it cannot take.
        refuses_in_prepare: whether `prepare` refuses what `refusals` finds, in words of its own.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    suffix: ClassVar[str] = ""
    companions: ClassVar[tuple[str, ...]] = ()
    last: ClassVar[str] = FILE_NAME
    taken: ClassVar[tuple[str, ...] | None] = None
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    options: ClassVar[frozenset[str]] = frozenset()
    trains: ClassVar[bool] = False
    refuses_in_prepare: ClassVar[bool] = False
    asks_converter: ClassVar[bool] = False

    @property
    def needs_tensorflow(self) -> bool:
        """Whether TensorFlow writes it or opens it."""
        return "tensorflow" in self.packages

    def choose(self, options: Options) -> Form:
        """The form itself, or the one that some options make of it."""
        del options
        return self

    def check_mode(self) -> None:
        """Checks that it can be written here, before anything is read.

        Raises:
            MissingDependencyError: a package is not installed.
            WrongModeError: the caller is in a graph, and the form needs eager execution.
        """
        if self.needs_tensorflow:
            # Raises the error that says what to install, and brings what the environment names.
            import tf1hub._tensorflow  # noqa: F401
        missing = [name for name in self.packages if name != "tensorflow" and not _is_installed(name)]
        if missing:
            raise MissingDependencyError(
                f"to={self.name!r} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
                f"installed. Install with: pip install 'tf1hub[{self.extra}]'"
            )

    @abstractmethod
    def refusals(
        self, spec: ModuleSpec, variants: tuple[Variant, Variant], options: Options
    ) -> list[Refusal]:
        """Everything in the module that the form cannot hold. Nothing is written, and TensorFlow is not imported.

        Args:
            spec: the module.
            variants: those that run without and with `training=True`.
            options: what the caller asks for.
        """

    def prepare(self, request: ConversionRequest) -> None:  # noqa: B027 - many have nothing to check
        """Checks the options against the module, and loads what takes loading; nothing is written yet.

        Raises:
            UnknownNameError: an option names what the module does not have.
            UnsupportedGraphError: the form `refuses_in_prepare`.
        """

    @abstractmethod
    def write(self, request: ConversionRequest, path: str) -> Written:
        """Writes it.

        Args:
            request: what to convert.
            path: a new local file, or a directory that is there and empty.

        Raises:
            RefusedError: the form `asks_converter`, and that refuses the module.
        """

    @abstractmethod
    def compare(
        self, request: ConversionRequest, path: str, written: Written, examples: Given, tolerance: float
    ) -> Iterator[Compared]:
        """Compares what was written with the original, and yields a row for each output or weight.

        Args:
            request: what was converted.
            path: what was written.
            written: what `write` answered.
            examples: inputs to compare on, by signature, in place of generated ones.
            tolerance: how far an output may be from the original's, relative to its largest value.

        Raises:
            CheckFailedError: it gives other numbers, or fails; all such outputs are named.
        """


class CallableForm(Form):
    """A form that can be opened and called. Its outputs are compared with those of the module."""

    def original(self, spec: ModuleSpec, path: str) -> ModuleSpec:
        """What is compared with what was written: the module, or one that reads the files of the conversion.

        Args:
            spec: the module.
            path: what was written.

        Raises:
            CheckFailedError: files of the module are not among what was written.
        """
        del path
        return spec

    def oracle(self, request: ConversionRequest, spec: ModuleSpec) -> Oracle:
        """What computes the numbers that the form has to give; by default a `tf1hub.Module` in a graph.

        Args:
            request: what is converted.
            spec: the module, or what `original` made of it.
        """
        del request
        from tf1hub.trial.original import Original

        return Original(spec)

    @abstractmethod
    def open(self, request: ConversionRequest, path: str) -> AbstractContextManager[Opened]:
        """A context in which what was written can be called, opened from what is on disk alone.

        Args:
            request: what was converted.
            path: what was written.
        """

    def check_limits(self, signature: str, feeds: Mapping[str, Any]) -> None:
        """Refuses inputs that the signature takes and the form does not; no form has to.

        Raises:
            NotTakenError: they are outside of limits that the form told.
        """

    def compare(
        self, request: ConversionRequest, path: str, written: Written, examples: Given, tolerance: float
    ) -> Iterator[Compared]:
        say = request.say
        oracle = self.oracle(request, self.original(request.spec, path))
        variants = dict.fromkeys(request.variants if self.trains else request.variants[:1])
        wanted = set(request.inference.signature_names if written.compared is None else written.compared)
        with ArrayFile() as file:
            expected = []
            with oracle.sharing():
                for variant in variants:
                    names = [name for name in variant.signature_names if name in wanted]
                    found = run_signatures(oracle, variant, names, examples, file, say, self.check_limits)
                    expected.append((variant, found))
            gc.collect()
            say("loading what was written")
            with self.open(request, path) as call:
                yield from compare(request.spec.name, oracle, expected, call, tolerance, say)


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
