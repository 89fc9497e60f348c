"""The command-line flags of the original library, in programs that parse theirs with absl."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from tf1hub.handles import settings

_OWNER = "tensorflow_hub.resolver"
"""The module under which `--helpfull` lists them."""


def define_flags() -> None:
    """Defines `--tfhub_cache_dir` and `--tfhub_model_load_format`, where absl is installed.

    As with the original, the environment variables of the same names go before them. Flags that exist are left alone.
    """
    if importlib.util.find_spec("absl") is None:
        return
    flags: Any = importlib.import_module("absl.flags")
    if "tfhub_cache_dir" not in flags.FLAGS:
        text = "The directory where modules are kept; the variable TFHUB_CACHE_DIR goes before it."
        flags.DEFINE_string("tfhub_cache_dir", None, text, module_name=_OWNER)
        settings.fallbacks[settings.CACHE_VARIABLE] = _reader(flags.FLAGS, "tfhub_cache_dir")
    if "tfhub_model_load_format" not in flags.FLAGS:
        text = (
            "COMPRESSED (which AUTO means): modules are downloaded and unpacked; UNCOMPRESSED: they are read where "
            "they are stored. The variable TFHUB_MODEL_LOAD_FORMAT goes before it."
        )
        formats = ["COMPRESSED", "UNCOMPRESSED", "AUTO"]
        flags.DEFINE_enum("tfhub_model_load_format", "AUTO", formats, text, module_name=_OWNER)
        settings.fallbacks[settings.LOAD_FORMAT_VARIABLE] = _reader(flags.FLAGS, "tfhub_model_load_format")


def _reader(flags: Any, name: str) -> Callable[[], str | None]:
    # FLAGS.name fails until the flags are parsed; the flag itself then has its default.
    return lambda: flags[name].value
