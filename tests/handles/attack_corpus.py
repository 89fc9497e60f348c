"""The attack corpus: hostile or broken archives, each with the words of its refusal.

`python tests/handles/attack_corpus.py DIRECTORY` writes them as files.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from archives import MODULE, entries, info, tar, tgz

from tf1hub.handles.limits import Limits

# Lower than the defaults, so that the corpus is quick to make.
LIMITS = Limits(members=500, total_bytes=1 << 30, ratio_free_bytes=8 << 20)
_BOMB_BYTES = 32 << 20
MODEL = info("saved_model.pb", b"graph")
ESCAPES = {
    "absolute": ("/etc/cron.d/evil", "is an absolute path"),
    "absolute_double_slash": ("//host/share/evil", "is an absolute path"),
    "parent": ("../evil", "leads to a parent directory"),
    "parent_deep": ("assets/../../evil", "leads to a parent directory"),
    "parent_hidden_in_dots": ("./assets/./../../evil", "leads to a parent directory"),
    "parent_inside": ("assets/x/../saved_model.pb", "leads to a parent directory"),
    "parent_trailing": ("assets/..", "leads to a parent directory"),
    "drive": ("C:/evil", "names a drive"),
    "drive_relative": ("c:evil", "names a drive"),
    "drive_inside": ("assets/D:/evil", "names a drive"),
    "backslash_parent": ("..\\evil", "holds a backslash"),
    "backslash_absolute": ("\\evil", "holds a backslash"),
    "backslash_inside": ("assets\\..\\..\\evil", "holds a backslash"),
    "unc": ("\\\\host\\share\\evil", "holds a backslash"),
    "newline": ("assets/a\nb", "holds a control character"),
    "escape_sequence": ("assets/\x1b[2J", "holds a control character"),
    "delete_character": ("assets/\x7f", "holds a control character"),
    "trailing_dot": ("assets/vocab.", "ends in a dot or a space"),
    "trailing_space": ("assets/vocab ", "ends in a dot or a space"),
    "three_dots": ("assets/.../x", "ends in a dot or a space"),
    "device_con": ("assets/CON", "names a device of Windows"),
    "device_nul_suffix": ("assets/nul.txt", "names a device of Windows"),
    "device_com": ("assets/com1", "names a device of Windows"),
    "not_utf8": ("assets/\udcff\udcfe", "is not UTF-8"),
    "deep": ("assets/" + "d/" * 20 + "x", "more than 16 directories deep"),
    "long_part": ("assets/" + "n" * 300, "a part of more than 255 bytes"),
    "long_path": ("assets/" + ("n" * 200 + "/") * 8 + "x", "at most 1024 are allowed"),
}
KINDS = {
    "symlink": (tarfile.SYMTYPE, "/etc/passwd", "is a symbolic link"),
    "symlink_relative": (tarfile.SYMTYPE, "../../evil", "is a symbolic link"),
    "symlink_inside": (tarfile.SYMTYPE, "saved_model.pb", "is a symbolic link"),
    "hardlink": (tarfile.LNKTYPE, "/etc/passwd", "is a hard link"),
    "hardlink_inside": (tarfile.LNKTYPE, "saved_model.pb", "is a hard link"),
    "character_device": (tarfile.CHRTYPE, "", "is a character device"),
    "block_device": (tarfile.BLKTYPE, "", "is a block device"),
    "fifo": (tarfile.FIFOTYPE, "", "is a named pipe"),
    "sparse": (tarfile.GNUTYPE_SPARSE, "", "is a sparse file"),
    "volume_label": (b"V", "", "of the unknown type"),
    "multi_volume": (b"M", "", "of the unknown type"),
    "unknown_type": (b"Q", "", "of the unknown type"),
}


def corpus() -> dict[str, tuple[Callable[[], bytes], str]]:
    """Returns name -> (function that makes the archive, words of the refusal)."""
    made: dict[str, tuple[Callable[[], bytes], str]] = {}
    for name, (path, words) in ESCAPES.items():
        made[f"name_{name}"] = ((lambda path=path: entries(info(path, b"evil"), MODEL)), words)
    for name in ("absolute", "parent", "parent_deep", "drive", "backslash_parent"):
        path, words = ESCAPES[name]
        made[f"directory_{name}"] = (
            (lambda path=path: entries(info(path, kind=tarfile.DIRTYPE), MODEL)),
            words,
        )
        made[f"pax_{name}"] = ((lambda path=path: _pax({"path": path})), words)
    for name, (kind, target, words) in KINDS.items():
        made[f"kind_{name}"] = (
            (lambda kind=kind, target=target: entries(info("assets/x", kind=kind, linkname=target), MODEL)),
            words,
        )
    return made | _TWICE | _SIZES | _HEADERS | _CONTENT | _STREAMS | _ZIPS


def _pax(headers: dict[str, str], name: str = "saved_model.pb", data: bytes = b"graph") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        member.pax_headers = headers
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _raw_pax(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return entries(info("pax", records, kind=kind), MODEL)


def _gnu_long(size: int) -> bytes:
    return entries(info("././@LongLink", b"a" * size, kind=tarfile.GNUTYPE_LONGNAME), MODEL)


def _bad_checksum() -> bytes:
    data = bytearray(entries(MODEL))
    data[0] ^= 1
    return bytes(data)


def _with_field(start: int, value: bytes) -> bytes:
    """Returns a tar whose only header has `value` at `start` and a right checksum."""
    data = bytearray(entries(MODEL))
    data[start : start + len(value)] = value
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def _bomb(total: int) -> bytes:
    """Returns a small tar.gz whose one file has `total` zero bytes."""
    packer = zlib.compressobj(9, wbits=31)
    header = tarfile.TarInfo("saved_model.pb")
    header.size = total
    parts = [packer.compress(header.tobuf(format=tarfile.GNU_FORMAT))]
    piece = bytes(1 << 20)
    parts += [packer.compress(piece) for _ in range(total >> 20)]
    return b"".join([*parts, packer.compress(bytes(1024)), packer.flush()])


def _zip(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of a name that comes twice
        for name, data in members or [("saved_model.pb", b"graph")]:
            archive.writestr(name, data)
    return buffer.getvalue()


def _zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def _zip_with(at: str, offset: int, value: bytes) -> bytes:
    """Returns a zip of one file with `value` in the `local` or `central` header, or the `end` record."""
    data = bytearray(_zip())
    start = data.rindex({"local": b"PK\3\4", "central": b"PK\1\2", "end": b"PK\5\6"}[at]) + offset
    data[start : start + len(value)] = value
    return bytes(data)


def _zip64_elsewhere() -> bytes:
    """Returns a zip whose end record of zip64 is said to be there, but lies somewhere else."""
    data = _zip()
    at = data.rindex(b"PK\5\6")
    return data[:at] + b"PK\6\7" + bytes(16) + data[at:]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _many(count: int) -> bytes:
    return gzip.compress(entries(MODEL, *(info(f"assets/{i}") for i in range(count))), 1)


_TWICE: dict[str, tuple[Callable[[], bytes], str]] = {
    "twice_other": (
        lambda: entries(MODEL, info("saved_model.pb", b"GRAPH")),
        "holds 'saved_model.pb' twice, with different content",
    ),
    "twice_with_dot": (lambda: entries(MODEL, info("./saved_model.pb", b"x")), "twice"),
    "twice_slashes": (lambda: entries(MODEL, info("assets/x"), info("assets//x", b"y")), "twice"),
    "twice_zip": (lambda: _zip(("saved_model.pb", b"a"), ("saved_model.pb", b"b")), "twice"),
    "twice_case": (
        lambda: entries(MODEL, info("Saved_Model.pb", b"x")),
        "one file on systems that ignore case",
    ),
    "twice_case_asset": (lambda: entries(MODEL, info("assets/A"), info("assets/a")), "ignore case"),
    "twice_case_parent": (lambda: entries(MODEL, info("assets/D/x"), info("assets/d/y")), "ignore case"),
    "twice_sharp_s": (lambda: entries(MODEL, info("assets/ß"), info("assets/SS")), "ignore case"),
    "twice_unicode_form": (lambda: entries(MODEL, info("assets/é"), info("assets/e\u0301")), "ignore case"),
    "file_then_directory": (
        lambda: entries(MODEL, info("assets/x"), info("assets/x", kind=tarfile.DIRTYPE)),
        "twice",
    ),
    "file_as_parent": (lambda: entries(MODEL, info("assets/x"), info("assets/x/y")), "both as a file and as"),
    "directory_then_file": (
        lambda: entries(MODEL, info("assets/x", kind=tarfile.DIRTYPE), info("assets/x", b"y")),
        "twice",
    ),
}
_SIZES: dict[str, tuple[Callable[[], bytes], str]] = {
    "size_beyond_limit": (
        lambda: _with_field(124, b"\x80" + struct.pack(">Q", 1 << 60).rjust(11, b"\0")),
        "bytes; at most",
    ),
    "size_negative": (lambda: _with_field(124, b"\xff" * 12), "negative size -1"),
    "size_not_octal": (lambda: _with_field(124, b"notanumber\0 "), "no valid header"),
    "size_pax_beyond_limit": (lambda: _pax({"size": str(1 << 60)}), "bytes; at most"),
    "size_pax_not_a_number": (lambda: _raw_pax(b"13 size=0x10\n"), "which is not a number"),
    "size_pax_negative": (lambda: _raw_pax(b"11 size=-1\n"), "which is not a number"),
    "size_pax_huge_digits": (lambda: _raw_pax(b"48 size=" + b"9" * 39 + b"\n"), "which is not a number"),
    "size_of_directory": (
        lambda: entries(info("assets", b"x" * 600, kind=tarfile.DIRTYPE), MODEL),
        "directory 'assets' has 600 bytes",
    ),
    "many_members": (lambda: _many(LIMITS.members), f"more than {LIMITS.members} members"),
    "bomb": (lambda: _bomb(_BOMB_BYTES), "more than 200 times its size"),
    "bomb_nested": (lambda: gzip.compress(_bomb(_BOMB_BYTES), 9), "more than 200 times its size"),
}
_HEADERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "header_checksum": (_bad_checksum, "no valid header"),
    "header_garbage": (lambda: bytes(range(256)) * 8, "no valid header"),
    "header_between_members": (lambda: entries(MODEL)[:1024] + b"\xff" * 512, "no valid header"),
    "pax_memory": (lambda: _raw_pax(b"x" * 100_000), "extended header of 100000 bytes"),
    "pax_global_memory": (lambda: _raw_pax(b"x" * 100_000, tarfile.XGLTYPE), "extended header of 100000"),
    "gnu_long_memory": (lambda: _gnu_long(100_000), "extended header of 100000 bytes"),
    "pax_without_end": (lambda: _raw_pax(b"99 path=x\n"), "extended header 'pax' is damaged"),
    "pax_without_equals": (lambda: _raw_pax(b"9 pathxx\n"), "extended header 'pax' is damaged"),
    "pax_without_length": (lambda: _raw_pax(b"path=x\n"), "extended header 'pax' is damaged"),
    "pax_zero_length": (lambda: _raw_pax(b"0 path=x\n"), "extended header 'pax' is damaged"),
    "pax_nul_in_path": (lambda: _raw_pax(b"20 path=assets/\0x.y\n"), "holds a NUL character"),
    "pax_sparse": (lambda: _raw_pax(b"22 GNU.sparse.major=1\n"), "is a sparse file"),
    "pax_chain": (
        lambda: entries(*[info("pax", b"6 a=b\n", kind=tarfile.XHDTYPE)] * 9, MODEL),
        "more than 8 headers for one member",
    ),
    "pax_global_many": (
        lambda: entries(
            *[i for n in range(65) for i in (info("g", b"", kind=b"g"), info(f"assets/{n}"))], MODEL
        ),
        "more than 64 global headers",
    ),
    "no_name": (
        lambda: entries(info("./", b"", kind=tarfile.REGTYPE), info(".", b"x")),
        "file without a name",
    ),
}
_CONTENT: dict[str, tuple[Callable[[], bytes], str]] = {
    "script_beside_module": (lambda: tgz({**MODULE, "setup.py": b"evil"}), "'setup.py', which no module"),
    "shared_library": (lambda: tgz({**MODULE, "variables/evil.so": b"x"}), "'variables/evil.so', which no"),
    "git_hook": (lambda: tgz({**MODULE, ".git/hooks/pre-commit": b"x"}), "which no module"),
    "python_cache": (lambda: tgz({**MODULE, "assets.py": b"x"}), "'assets.py', which no module"),
    "two_modules": (
        lambda: tar({f"a/{n}": d for n, d in MODULE.items()} | {"b/saved_model.pb": b"x"}),
        "beside the directory 'a' with the module",
    ),
    "module_too_deep": (lambda: tar(prefix="a/b/"), "which no module or SavedModel has"),
    "no_module": (lambda: tar({"assets/x": b""}), "holds no module"),
    "empty_tar": (lambda: bytes(10240), "holds no module"),
}
_STREAMS: dict[str, tuple[Callable[[], bytes], str]] = {
    "rar": (lambda: b"Rar!\x1a\x07" + bytes(600), "This is a rar archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(600), "This is a 7z archive"),
    "text": (
        lambda: b"hello world",
        "This is not an archive: it has 11 bytes, which begin with 'hello world'",
    ),
    "text_gzip": (lambda: gzip.compress(b"hello world"), "This is not an archive: it has 11 bytes"),
    "cut_bzip2": (lambda: bz2.compress(tar())[:-5], "ends early"),
    "cut_xz": (lambda: lzma.compress(tar())[:-5], "ends early"),
    "crc_bzip2": (lambda: bz2.compress(tar())[:-8] + bytes(8), "compressed data is damaged"),
    "crc_xz": (lambda: _flipped(lzma.compress(tar()), 200), "compressed data is damaged"),
    "xz_memory": (
        lambda: lzma.compress(
            tar(), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 768 << 20}]
        ),
        "compressed data is damaged: Memory usage limit exceeded",
    ),
    "bzip2_then_garbage": (
        lambda: bz2.compress(tar()) + b"evil",
        "bytes after the end of its compressed data",
    ),
    "bomb_xz": (lambda: lzma.compress(gzip.decompress(_bomb(_BOMB_BYTES)), preset=0), "200 times its size"),
    "bomb_bzip2": (lambda: bz2.compress(gzip.decompress(_bomb(_BOMB_BYTES)), 1), "200 times its size"),
    "empty": (lambda: b"", "ends early"),
    "cut_gzip": (lambda: tgz()[:-9], "ends early"),
    "cut_tar": (lambda: tar()[:3000], "ends early"),
    "crc": (lambda: tgz()[:-8] + b"\0\0\0\0" + tgz()[-4:], "compressed data is damaged"),
    "gzip_length": (lambda: tgz()[:-4] + b"\0\0\0\0", "compressed data is damaged"),
    "gzip_then_garbage": (lambda: tgz() + b"evil", "bytes after the end of its compressed data"),
    "tar_then_tar": (lambda: tar() + tar(), "data after its end mark"),
    "gzip_thrice": (lambda: gzip.compress(gzip.compress(tgz())), "no valid header"),
}

_ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip_parent": (lambda: _zip(("../evil", b"x"), ("saved_model.pb", b"")), "leads to a parent directory"),
    "zip_absolute": (lambda: _zip(("/etc/evil", b"x")), "is an absolute path"),
    "zip_backslash": (lambda: _zip(("assets\\..\\evil", b"x")), "holds a backslash"),
    "zip_nul": (
        lambda: _zip(("saved_model.pbXevil", b"x")).replace(b"pbXevil", b"pb\0evil"),
        "a NUL character",
    ),
    "zip_symlink": (
        lambda: _zip((_zip_entry("assets/x", stat.S_IFLNK | 0o777), b"/etc")),
        "is a symbolic link",
    ),
    "zip_fifo": (lambda: _zip((_zip_entry("assets/x", stat.S_IFIFO | 0o777), b"")), "of the unknown type"),
    "zip_lzma": (
        lambda: _zip(method=zipfile.ZIP_LZMA),
        "compressed by the method 14, which is not supported",
    ),
    "zip_encrypted": (lambda: _zip_with("central", 8, b"\1\0"), "is encrypted"),
    "zip_case": (lambda: _zip(("saved_model.pb", b""), ("Saved_model.pb", b"")), "ignore case"),
    "zip_script": (lambda: _zip(("saved_model.pb", b""), ("setup.py", b"x")), "'setup.py', which no module"),
    "zip_crc": (lambda: _zip_with("central", 16, bytes(4)), "damaged: Bad CRC-32"),
    "zip_deflate": (lambda: _zip_with("local", 30 + 14, b"\xff\xff\xff"), "it is damaged"),
    "zip_other_name": (lambda: _zip_with("local", 30, b"SAVED"), "damaged: File name in directory"),
    "zip_size_lies": (lambda: _zip_with("central", 24, struct.pack("<L", 1 << 20)), "not the 1048576 it is"),
    "zip_size_beyond_limit": (
        lambda: _zip_with("central", 24, struct.pack("<L", (1 << 32) - 2)),
        "unpacks to more than 1073741824 bytes",
    ),
    "zip_without_list": (lambda: _zip()[:-30], "ends early"),
    "zip_many": (lambda: _zip(*((f"assets/{i}", b"") for i in range(LIMITS.members + 1))), "500 members"),
    "zip_list_memory": (lambda: _zip_with("end", 12, struct.pack("<L", 1 << 31)), "500 members"),
    "zip_list_before_start": (lambda: _zip_with("end", 16, b"\xff\xff\xff\x7f"), "it is damaged"),
    "zip_member_before_start": (lambda: _zip_with("end", 16, struct.pack("<L", 60)), "it is damaged"),
    "zip_member_missing": (
        lambda: _zip_with("end", 10, b"\2\0"),
        "lists 1 members where it says that it has 2",
    ),
    "zip64_elsewhere": (_zip64_elsewhere, "the list of its members is not where it says"),
    "zip_bomb": (lambda: _zip(("saved_model.pb", bytes(_BOMB_BYTES))), "more than 200 times its size"),
    "zip_of_macos_escapes": (lambda: _zip(("../._x", b"\0\5\x16\7")), "leads to a parent directory"),
}


def main(directory: str) -> None:
    """Writes the corpus as files."""
    for name, (make, _) in corpus().items():
        Path(directory, f"{name}.tar").write_bytes(make())


if __name__ == "__main__":
    main(sys.argv[1])
