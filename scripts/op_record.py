"""Records which ops the installed TensorFlow has, and what they take and give.

    PYTHON scripts/op_record.py      adds or replaces the entry of the TensorFlow that PYTHON has

`--check` writes nothing, and fails where the file does not say what is installed. What the file
says of an op is told in `tf1hub/graphdef/op_record.py`, which reads it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tf1hub.graphdef.op_record import FILE_NAME, Entry, encode, tables_of

FILE = Path(__file__).resolve().parent.parent / "src" / "tf1hub" / "graphdef" / FILE_NAME


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    args = parser.parse_args()

    version, graph_version, installed = installed_ops()
    recorded = json.loads(FILE.read_text()) if FILE.exists() else {"graph_versions": {}, "ops": {}}
    tables = tables_of(recorded)
    if args.check:
        same = tables.get(version) == installed and recorded["graph_versions"].get(version) == graph_version
        print(f"{FILE.name}: TensorFlow {version} is {'as recorded' if same else 'NOT as recorded'}")
        return 0 if same else 1
    tables[version] = installed
    recorded["graph_versions"][version] = graph_version
    FILE.write_text(text_of(recorded["graph_versions"], tables))
    print(f"{FILE.name}: {len(installed)} ops of TensorFlow {version}, graph version {graph_version}")
    return 0


def installed_ops() -> tuple[str, int, dict[str, Entry]]:
    """The installed TensorFlow's minor version, its graph version, and its ops."""
    import tensorflow as tf

    from tf1hub._tensorflow import op_def, registered_ops

    version = ".".join(tf.version.VERSION.split(".")[:2])
    return version, tf.version.GRAPH_DEF_VERSION, {name: encode(op_def(name)) for name in registered_ops()}


def text_of(graph_versions: Mapping[str, int], tables: Mapping[str, Mapping[str, Entry]]) -> str:
    """The file's text, an op a line so that changes can be read."""
    first = min(tables)
    lines = []
    for name in sorted(set().union(*tables.values())):
        changes: dict[str, Entry | None] = {}
        last = None
        for version in sorted(tables):
            entry = tables[version].get(name)
            if entry != last:
                changes[version] = last = entry
        said: Any = changes[first] if [*changes] == [first] else changes
        lines.append(f"{json.dumps(name)}: {json.dumps(said)}")
    versions = json.dumps(dict(sorted(graph_versions.items())))
    return f'{{"graph_versions": {versions},\n"ops": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    sys.exit(main())
