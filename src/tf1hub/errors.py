"""The errors of tf1hub, all of them.

    Error
    ├── FormatError (ValueError)             bytes on disk are not what the format says
    │   ├── NotAModuleError (OSError)        there is no TF1 Hub module at this place
    │   ├── UnsupportedFormatError           a newer format, or a required feature that is not known
    │   └── CheckpointError                  a checkpoint is damaged, or does not fit the module
    ├── HandleError (ValueError)             a handle that cannot name a module
    ├── ResolveError (OSError)               a good handle whose module could not be obtained
    │   ├── DownloadError                    the host, the network or its answer is at fault
    │   ├── ArchiveError (ValueError)        an archive that is damaged, or that is not safe to unpack
    │   ├── CacheError                       the cache is damaged or cannot be written
    │   ├── OfflineError                     not in the cache, and the network may not be used
    │   └── PinError (ValueError)            the content is not the one that was pinned
    ├── UnknownNameError (ValueError, KeyError)
    │   ├── UnknownSignatureError            the variant has no signature of this name
    │   ├── UnknownTagsError                 the module has no variant with these tags
    │   ├── UnknownAttachmentError           nothing is attached under this key
    │   └── UnknownOutputError (TypeError)   the signature has no output of this name
    ├── ArgumentError (TypeError)            an argument is not of a type that could be meant
    ├── InputError (TypeError)               a signature was called with the wrong inputs
    ├── CreationError (ValueError)           a module_fn made a graph that cannot become a module
    ├── ColumnError (ValueError)             a module or a setting does not suit a feature column
    ├── LayerError (ValueError)              a module or a setting does not suit a Keras layer
    │   └── LayerConfigError (NotImplementedError) such a layer cannot be saved, or restored from what was saved
    ├── ExportError (OSError)                a module could not be written
    │   └── ExporterError (ValueError)       nothing to export, or under an impossible name
    ├── RepositoryError (OSError)            a repository cannot do what was asked of it
    │   ├── UnknownModuleError (KeyError)    the repository has no such module, version, alias or upload
    │   ├── PublishError (ValueError)        the repository does not take this: not whole, there already, too large
    │   └── AccessError (PermissionError)    no token, a wrong one, or one that may not do this
    ├── TrustError (PermissionError)         a module would do what nobody allowed it
    ├── UnsupportedGraphError (ValueError)   a graph uses what this TensorFlow, or TF2, cannot run
    ├── WrongModeError (RuntimeError)        an eager call of what needs a graph, or the other way round
    ├── CheckFailedError (ValueError)        numbers or shapes are not what was promised
    └── MissingDependencyError (ImportError) a package that this function needs is not installed

Each error also is the built-in type, in brackets, that programs written for the
original library already catch. Errors of protobuf, the operating system, HTTP
and TensorFlow are turned into these where they enter, with the cause chained.
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "ArchiveError",
    "ArgumentError",
    "CacheError",
    "CheckFailedError",
    "CheckpointError",
    "ColumnError",
    "CreationError",
    "DownloadError",
    "Error",
    "ExportError",
    "ExporterError",
    "FormatError",
    "HandleError",
    "InputError",
    "LayerConfigError",
    "LayerError",
    "MissingDependencyError",
    "NotAModuleError",
    "OfflineError",
    "PinError",
    "PublishError",
    "RepositoryError",
    "ResolveError",
    "TrustError",
    "UnknownAttachmentError",
    "UnknownModuleError",
    "UnknownNameError",
    "UnknownOutputError",
    "UnknownSignatureError",
    "UnknownTagsError",
    "UnsupportedFormatError",
    "UnsupportedGraphError",
    "WrongModeError",
]


class Error(Exception):
    """The base of all errors that tf1hub raises on purpose."""

    ag_pass_through = True
    """Has AutoGraph hand an error on as it is; inside a `tf.function` its type would become another."""


class FormatError(Error, ValueError):
    """Bytes on disk are not what the TF1 Hub format says."""


class NotAModuleError(FormatError, OSError):
    """There is no TF1 Hub module at this place."""


class UnsupportedFormatError(FormatError):
    """A newer format, or a required feature that this library does not know."""


class CheckpointError(FormatError):
    """A checkpoint is damaged, or does not fit the module."""


class HandleError(Error, ValueError):
    """A handle that cannot name a module."""


class ResolveError(Error, OSError):
    """A good handle whose module could not be obtained."""


class DownloadError(ResolveError):
    """The host, the network or its answer is at fault."""


class ArchiveError(ResolveError, ValueError):
    """An archive that is damaged, or that is not safe to unpack."""


class CacheError(ResolveError):
    """The cache is damaged, or cannot be written."""


class OfflineError(ResolveError):
    """The module is not in the cache, and the network may not be used."""


class PinError(ResolveError, ValueError):
    """The content is not the one that was pinned, or that was seen before."""


class UnknownNameError(Error, ValueError, KeyError):
    """A name that the module does not have; the message lists those it has."""

    # KeyError would show the repr of the message, with its line breaks escaped.
    __str__ = Exception.__str__


class UnknownSignatureError(UnknownNameError):
    """The variant has no signature of this name."""


class UnknownTagsError(UnknownNameError):
    """The module has no graph variant with these tags."""


class UnknownAttachmentError(UnknownNameError):
    """Nothing is attached to the module under this key."""


class UnknownOutputError(UnknownNameError, TypeError):
    """The signature has no output of this name; or none called `default`, where one was to be chosen."""


class ArgumentError(Error, TypeError):
    """An argument is not of a type that could be meant: a number where a handle or a path goes, say."""


class InputError(Error, TypeError):
    """A signature was called with missing, extra or mistyped inputs."""


class CreationError(Error, ValueError):
    """A `module_fn` made a graph that cannot become a module."""


class ColumnError(Error, ValueError):
    """A module, a feature or a setting does not suit a feature column."""


class LayerError(Error, ValueError):
    """A module or a setting does not suit a Keras layer."""


class LayerConfigError(LayerError, NotImplementedError):
    """A Keras layer has no config to be saved with, or cannot be restored from what was saved.

    Keras asks for NotImplementedError where a layer has no config.
    """


class ExportError(Error, OSError):
    """A module could not be written; nothing was left at the export path."""


class ExporterError(ExportError, ValueError):
    """There is nothing to export, or the name or number of exports is impossible."""


class RepositoryError(Error, OSError):
    """A repository of modules cannot do what was asked of it."""


class UnknownModuleError(RepositoryError, KeyError):
    """The repository has no module, version, alias or upload of this name."""

    # KeyError would show the repr of the message, with its line breaks escaped.
    __str__ = Exception.__str__


class PublishError(RepositoryError, ValueError):
    """The repository does not take what is to be published: it is not whole, is there already, or is too large.

    Attributes:
        kind: `"content"` (it is no module that could be taken), `"exists"`, `"too large"`, `"quota"`, `"room"` (the disk is
            full) or `"offset"` (an upload goes on elsewhere than it ended).
    """

    def __init__(self, message: str, kind: str = "content") -> None:
        super().__init__(message)
        self.kind = kind


class AccessError(RepositoryError, PermissionError):
    """No token was given, or one that the repository does not know, or one that may not do this."""


class TrustError(Error, PermissionError):
    """A module would read, write, connect to or run what is not its own, and nobody allowed it."""


class UnsupportedGraphError(Error, ValueError):
    """A graph uses what this TensorFlow, or TensorFlow 2 mode, cannot run."""


class WrongModeError(Error, RuntimeError):
    """What needs a graph was called eagerly, or the other way round."""


class CheckFailedError(Error, ValueError):
    """Numbers or shapes are not what the module promises."""


class MissingDependencyError(Error, ImportError):
    """A package that this function needs is not installed."""


def without_tensorflow(who: str) -> MissingDependencyError:
    """The error for what needs TensorFlow, where that is not installed.

    Args:
        who: what needs it.
    """
    return MissingDependencyError(
        f"{who} needs TensorFlow 2.15 or newer, which is not installed. Install it with: pip install tensorflow "
        "(or tensorflow-cpu, a smaller build). Where there is no build of it, tf1hub.Predictor calls modules without it."
    )
