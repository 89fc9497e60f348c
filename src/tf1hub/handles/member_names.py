"""Which member names of an archive are safe, and which can belong to a module at all."""

from __future__ import annotations

import re
import unicodedata

from tf1hub.errors import ArchiveError
from tf1hub.handles import limits

ALLOW_OPTION = "allow_extra_files=True, --allow-extra-files or TF1HUB_ALLOW_EXTRA_FILES=1"

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Names that Windows takes for devices, whatever their suffix.
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
# What a file of another kind of system has besides its content (RFC 1740), and how a folder looks in a window.
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_DS_STORE = b"\x00\x00\x00\x01"


def check_name(raw: str) -> str:
    """Returns a member's name as a relative path with `/`, `""` for the root, or refuses it.

    Args:
        raw: the name as the archive has it.

    Raises:
        ArchiveError: the name could lead out of the target, or means different
            files on different systems.
    """
    if "\0" in raw:
        raise _refusal(raw, "holds a NUL character")
    if _CONTROL.search(raw):
        raise _refusal(raw, "holds a control character")
    if any("\ud800" <= character <= "\udfff" for character in raw):
        raise _refusal(raw, "is not UTF-8")
    if len(raw.encode()) > limits.MAX_PATH_BYTES:
        raise ArchiveError(
            f"The archive has a member name of {len(raw.encode())} bytes; at most "
            f"{limits.MAX_PATH_BYTES} are allowed."
        )
    if raw.startswith("/"):
        raise _refusal(raw, "is an absolute path")
    if "\\" in raw:
        raise _refusal(raw, "holds a backslash, which separates directories on Windows")
    parts = [part for part in raw.split("/") if part not in ("", ".")]
    if len(parts) > limits.MAX_DEPTH:
        raise _refusal(raw, f"is more than {limits.MAX_DEPTH} directories deep")
    for part in parts:
        _check_part(raw, part)
    return "/".join(parts)


def collision_key(name: str) -> str:
    """Returns what two names share that are one file on a file system that ignores case or normal forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def may_be_of_macos(name: str) -> bool:
    """Returns whether macOS gives such a name to what it adds to archives."""
    last = name.rpartition("/")[2]
    return last.startswith("._") or last == ".DS_Store" or name == "__MACOSX"


def is_of_macos(name: str, head: bytes, is_directory: bool) -> bool:
    """Returns whether a member is what macOS adds to archives, of which nobody else makes use.

    Args:
        name: the checked name, for which `may_be_of_macos` is true.
        head: the first four bytes: a file of such a name that begins otherwise may be the module's own.
        is_directory: whether it is a directory.
    """
    if is_directory:
        return name == "__MACOSX"
    return head == (_DS_STORE if name.endswith(".DS_Store") else _APPLE_DOUBLE)


def not_of_a_module(name: str) -> ArchiveError:
    """Returns the error for a file that no module has."""
    return ArchiveError(
        f"The archive holds {name!r}, which no module or SavedModel has. If you trust it, allow such "
        f"files with "
        f"{ALLOW_OPTION}."
    )


def _check_part(raw: str, part: str) -> None:
    if part == "..":
        raise _refusal(raw, "leads to a parent directory")
    if _DRIVE.match(part):
        raise _refusal(raw, "names a drive")
    if len(part.encode()) > limits.MAX_NAME_BYTES:
        raise _refusal(raw, f"has a part of more than {limits.MAX_NAME_BYTES} bytes")
    if part.endswith((".", " ")):
        raise _refusal(raw, "has a part that ends in a dot or a space, which Windows drops")
    if _WINDOWS_DEVICE.fullmatch(part):
        raise _refusal(raw, "names a device of Windows")


def _refusal(raw: str, fault: str) -> ArchiveError:
    shown = raw if len(raw) <= 120 else f"{raw[:60]}...{raw[-40:]}"
    return ArchiveError(f"The archive's member {shown!r} {fault}. Nothing of the archive was kept.")
