"""Records which ops the installed TensorFlow has, for `tf1hub check`.

    PYTHON scripts/op_support.py     adds or replaces the entry of the TensorFlow that PYTHON has

`--check` writes nothing, and fails where the file does not say what is installed. For each op the
file has its attributes, and `@N` where it is deprecated since graph version N: one text where all
recorded versions agree, else one for each version that changed it (null where it is gone).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tf1hub.checks.ops import tables_of

FILE = Path(__file__).resolve().parent.parent / "src" / "tf1hub" / "checks" / "op_support.json"


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


def installed_ops() -> tuple[str, int, dict[str, str]]:
    """The installed TensorFlow's minor version, its graph version, and its ops."""
    import tensorflow as tf

    from tf1hub._tensorflow import op_def, registered_ops

    version = ".".join(tf.version.VERSION.split(".")[:2])
    return version, tf.version.GRAPH_DEF_VERSION, {name: describe(op_def(name)) for name in registered_ops()}


def describe(definition: Any) -> str:
    words = sorted(attr.name for attr in definition.attr)
    if definition.HasField("deprecation"):
        words.append(f"@{definition.deprecation.version}")
    return " ".join(words)


def text_of(graph_versions: dict[str, int], tables: dict[str, dict[str, str]]) -> str:
    """The file's text, an op a line so that changes can be read."""
    first = min(tables)
    lines = []
    for name in sorted(set().union(*tables.values())):
        changes: dict[str, str | None] = {}
        last = None
        for version in sorted(tables):
            entry = tables[version].get(name)
            if entry != last:
                changes[version] = last = entry
        lines.append(
            f"{json.dumps(name)}: {json.dumps(changes[first] if [*changes] == [first] else changes)}"
        )
    versions = json.dumps(dict(sorted(graph_versions.items())))
    return f'{{"graph_versions": {versions},\n"ops": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    sys.exit(main())
