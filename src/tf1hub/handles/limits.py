"""How much an archive may ask for before it is refused.

The largest published modules are a few gigabytes in a few dozen files; the
limits are an order of magnitude or two above, so that only an attack or a
mistake meets them.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_MEMBERS = 20_000
MAX_FILE_BYTES = 64 << 30
MAX_TOTAL_BYTES = 128 << 30
# DEFLATE cannot exceed 1032; weights reach some 1.1, vocabularies 5. Constant
# tables can be far above, so the ratio counts only once there is a lot of output.
MAX_COMPRESSION_RATIO = 200
RATIO_FREE_BYTES = 1 << 30
MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
MAX_DEPTH = 16
# Extended headers (long names) are held in memory, so they are bounded too.
MAX_HEADER_BYTES = 64 << 10
# What is reserved for looking back: `xz -9` asks for 65 MiB, `zstd` without --long for at most 128.
MAX_XZ_MEMORY = 256 << 20
MAX_ZSTD_WINDOW_LOG = 27


class Limits(NamedTuple):
    """What one archive may unpack to.

    Attributes:
        members: files and directories.
        file_bytes: bytes of one file.
        total_bytes: bytes of all files.
        ratio: unpacked bytes per packed byte, once more than `ratio_free_bytes` were unpacked.
        ratio_free_bytes: see `ratio`.
    """

    members: int = MAX_MEMBERS
    file_bytes: int = MAX_FILE_BYTES
    total_bytes: int = MAX_TOTAL_BYTES
    ratio: int = MAX_COMPRESSION_RATIO
    ratio_free_bytes: int = RATIO_FREE_BYTES
