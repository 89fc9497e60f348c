"""The fresh process of one measurement: `python -m benchmarks.measure FILE:FUNCTION JSON`."""

from __future__ import annotations

import importlib
import json
import sys


def peak_bytes() -> int:
    """The most memory that this process held, in bytes."""
    if sys.platform == "linux":
        # ru_maxrss would begin with the size of the process that started this one.
        with open("/proc/self/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    target, given = sys.argv[1:3]
    file, function = target.split(":")
    measured = getattr(importlib.import_module(f"benchmarks.{file}"), function)
    figures = measured(**json.loads(given))
    print(json.dumps({**figures, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
