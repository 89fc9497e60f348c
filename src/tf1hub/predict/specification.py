"""What a predictor was asked for: all that its pickle carries, and how it is loaded from that in any process."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from tf1hub.errors import ArgumentError, PinError
from tf1hub.handles import settings as settings_module
from tf1hub.handles.api import carry_out, decide
from tf1hub.handles.handle import parse
from tf1hub.handles.pinning import digest_of
from tf1hub.handles.settings import Settings
from tf1hub.predict.array_inputs import ArrayInterface
from tf1hub.predict.engine_request import Request
from tf1hub.predict.engines import AUTO
from tf1hub.predict.loaded_signature import LoadedSignature, load_signature
from tf1hub.predict.on_onnx import stored_model
from tf1hub.spec.module_spec import ModuleSpec, load_module_spec
from tf1hub.spec.permission import EVERYTHING, Trust
from tf1hub.spec.variant import DEFAULT_SIGNATURE
from tf1hub.storage import absolute, place_at
from tf1hub.trust.refusal import check_signature, check_state

_KEPT = 4
"""How many loaded signatures stay for predictors that come from pickles: a worker gets one with each task."""


@dataclass(frozen=True)
class Specification:
    """A signature of a module, and what is to run it.

    Attributes:
        handle: a handle or a ModuleSpec; or the path of an ONNX model.
        signature: the signature's name; None is `"default"`.
        tags: the graph variant; None is that for inference.
        engine: the engine's name, or `"auto"`.
        outputs: pairs of what each output is to be called and its tensor; None for those of the signature.
        threads: how many batches are computed at once; None where the engine chooses.
        seed: for random ops.
        trust: what the module may do beyond computing.
        settings: how the handle is resolved: caches, mirrors and whether the network may be used, without tokens.
        digest: of the content that the module must have; None where it was not looked at yet.
    """

    handle: ModuleSpec | str
    signature: str | None
    tags: frozenset[str] | None
    engine: str
    outputs: tuple[tuple[str, str], ...] | None
    threads: int | None
    seed: int | None
    trust: frozenset[str]
    settings: Settings = field(compare=False)
    digest: str | None = None

    def pin(self) -> Specification:
        """The same with the digest of what the module is now."""
        return self if self.digest is not None else replace(self, digest=self._digest())

    def load(self) -> LoadedSignature:
        """Obtains the module and readies the signature.

        Raises:
            PinError: the module has other content than where the specification was made.
            Error: whatever `Predictor` raises.
        """
        if self._is_model():
            self._check_digest()
            model = stored_model(self.handle, None if self.threads is None else 1)
            return self._of_model(model)
        spec = self._spec()
        name = spec.variant(self.tags).check_signature(
            DEFAULT_SIGNATURE if self.signature is None else self.signature
        )
        if self.outputs is not None:
            spec = spec.with_outputs(dict(self.outputs), name, self.tags or frozenset())
        variant = spec.variant(self.tags)
        spec.check_assets(variant)
        check_state(spec, [variant])
        check_signature(variant, name)
        request = Request(spec, variant, name, self.seed, self.threads)
        return load_signature(request, self.engine)

    def load_shared(self) -> LoadedSignature:
        """What `load` gives, but what is equal is loaded once in a process, and stays for those who come later."""
        key = replace(self, handle=self._key())
        with _lock:
            turn = _turns.setdefault(key, threading.Lock())
        with turn:
            with _lock:
                found = _loaded.get(key)
            if found is None:
                found = self.load()
                if not found.changes:
                    with _lock:
                        _loaded[key] = found
                        while len(_loaded) > _KEPT:
                            _turns.pop(_loaded.popitem(last=False)[0], None)
        return found

    def _key(self) -> str:
        return self.handle if isinstance(self.handle, str) else self.handle.name

    def _spec(self) -> ModuleSpec:
        if isinstance(self.handle, ModuleSpec):
            return self.handle.trusting(self._find_trust())
        handle = parse(self.handle)
        settings = self.settings
        if self.digest is not None:
            handle = handle._replace(pin=self.digest)
            # It said which content is meant where this was made, and may not be here.
            settings = settings._replace(lock_file=None)
        path = carry_out(decide(handle, settings), settings)
        return load_module_spec(path, trust=self._find_trust())

    def _find_trust(self) -> Trust:
        return True if EVERYTHING in self.trust else self.trust

    def _digest(self) -> str:
        if isinstance(self.handle, ModuleSpec):
            return _digest_of_spec(self.handle)
        if self._is_model():
            return _digest_of_files([self.handle, *(p for p in [self.handle + ".host"] if os.path.exists(p))])
        return digest_of(parse(self.handle), self.settings)

    def _check_digest(self) -> None:
        if self.digest is not None and self._digest() != self.digest:
            raise PinError(
                f"{self.handle} has another content ({self._digest()}) than where this predictor was made "
                f"({self.digest}). Bring the same file to all machines."
            )

    def _is_model(self) -> bool:
        return isinstance(self.handle, str) and self.handle.endswith(".onnx") and os.path.isfile(self.handle)

    def _of_model(self, model: Any) -> LoadedSignature:
        path = str(self.handle)
        asked = self.outputs is not None or self.tags is not None
        if self.engine not in (AUTO, "onnx") or self.signature not in (None, model.signature) or asked:
            raise ArgumentError(
                f"{path} is an ONNX model of the signature {model.signature!r}. It runs that one, on "
                "engine='onnx': tf1hub.Predictor(path)"
            )
        return LoadedSignature(
            inputs=model.inputs,
            outputs=model.outputs,
            where=f"signature {model.signature!r} in {path}",
            engine="onnx",
            why="it is an ONNX model",
            interface=ArrayInterface(model.inputs, model.outputs, model.signature, path),
            compute=model,
            writes=model.writes,
            changes=model.writes,
            training=False,
        )


_loaded: OrderedDict[Specification, LoadedSignature] = OrderedDict()
_turns: dict[Specification, threading.Lock] = {}
_lock = threading.Lock()


def _forget_locks() -> None:
    # A thread that the fork left behind may hold them.
    global _lock
    _lock = threading.Lock()
    _turns.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_forget_locks)


def current_settings() -> Settings:
    """How handles are resolved here and now, as a pickle may carry it: secrets stay where they are."""
    return settings_module.from_environment()._replace(tokens={})


def handle_of(handle: ModuleSpec | str | os.PathLike[str]) -> ModuleSpec | str:
    """A handle as a specification has it: a path that stays right where the working directory is another."""
    if isinstance(handle, ModuleSpec):
        return handle
    parsed = parse(handle)
    if not parsed.is_local:
        return os.fspath(handle)
    return absolute(os.path.expanduser(parsed.location)) + (f"#{parsed.pin}" if parsed.pin else "")


def _digest_of_spec(spec: ModuleSpec) -> str:
    """A digest of the definition, the values and the files that a ModuleSpec names."""
    digest = hashlib.sha256(spec.saved_model.SerializeToString(deterministic=True))
    paths = [spec.asset_paths[name] for name in sorted(spec.asset_paths)]
    if spec.checkpoint is not None:
        folder, prefix = os.path.split(spec.checkpoint)
        paths += [f"{folder}/{name}" for name in place_at(folder).list("") if name.startswith(prefix)]
    digest.update(_digest_of_files(paths).encode())
    return f"sha256:{digest.hexdigest()}"


def _digest_of_files(paths: list[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256()
        for piece in place_at(path).chunks(""):
            content.update(piece)
        digest.update(content.digest())
    return f"sha256:{digest.hexdigest()}"
