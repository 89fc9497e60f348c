"""Records which ops the installed TensorFlow has, for `tf1hub check`.

    .venv/tf221/bin/python scripts/op_support.py     adds or replaces TensorFlow 2.21's entry
    .venv/tf215/bin/python scripts/op_support.py     adds or replaces TensorFlow 2.15's entry

`--check` writes nothing, and fails where the file does not say what is installed. For each op the
file has its attributes, and `@N` where it is deprecated since graph version N; one string where all
recorded versions agree, else one for each version that has the op.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "src" / "tf1hub" / "checks" / "op_support.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    args = parser.parse_args()

    version, graph_version, installed = installed_ops()
    recorded = json.loads(FILE.read_text()) if FILE.exists() else {"graph_versions": {}, "ops": {}}
    tables = expand(recorded)
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


def expand(recorded: dict[str, Any]) -> dict[str, dict[str, str]]:
    """A table of all ops for each recorded version."""
    tables: dict[str, dict[str, str]] = {version: {} for version in recorded["graph_versions"]}
    for name, entry in recorded["ops"].items():
        for version in tables:
            if isinstance(entry, str):
                tables[version][name] = entry
            elif version in entry:
                tables[version][name] = entry[version]
    return tables


def text_of(graph_versions: dict[str, int], tables: dict[str, dict[str, str]]) -> str:
    """The file's text, an op a line so that changes can be read."""
    lines = []
    for name in sorted(set().union(*tables.values())):
        each = {version: tables[version][name] for version in sorted(tables) if name in tables[version]}
        agreed = len(each) == len(tables) and len(set(each.values())) == 1
        lines.append(f"{json.dumps(name)}: {json.dumps(next(iter(each.values())) if agreed else each)}")
    versions = json.dumps(dict(sorted(graph_versions.items())))
    return f'{{"graph_versions": {versions},\n"ops": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    sys.exit(main())
