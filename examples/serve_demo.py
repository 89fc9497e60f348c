"""A repository with pages to look at: `make serve-demo`.

The modules are those of `make demo`, made if they are not there yet, and the golden ones of the tests.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tf1hub.cli.main import main as tf1hub

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "modules"
_PUBLISH = (
    "import pathlib, sys; from examples.digits_demo import publish; "
    "publish.publish(pathlib.Path(sys.argv[1]), publish.STEPS, lambda *_: None)"
)
PAGES = {
    "digits": "# Publisher digits\nWhat `make demo` publishes: features of handwritten digits.\n",
    "digits/features": """# Module digits/features/1
Features of handwritten digits: 8 x 8 pixels in, numbers that tell digits apart out.

<!-- dataset: UCI handwritten digits -->
<!-- task: image-feature-vector -->
<!-- network-architecture: small convolutional network -->
<!-- fine-tunable: true -->
<!-- license: Apache-2.0 -->

## Overview
`make demo` trains it on **1,000 digits**, publishes it, and shows what it is worth to somebody with few labels of their own.

| version | what |
|---|---|
| 1 | as published |
| 2 | fine-tuned with 20 labels per class, and published again |
""",
    "golden": "# Publisher golden\nModules that the original library wrote, on TensorFlow 1.7 to 1.15. Tests hold tf1hub against them.\n",
    "golden/image": """# Module golden/image/1
A small image classifier, with features, end points and batch normalization.

<!-- task: image-classification -->
<!-- fine-tunable: true -->
<!-- license: Apache-2.0 -->

## Overview
Version 2 is the same network with the older kind of variables. *Versions* below shows what that changes.
""",
    "golden/text_embedding": """# Module golden/text_embedding/1
Text embedding with a vocabulary of eleven words, out-of-vocabulary buckets and the `sqrtn` combiner.

<!-- task: text-embedding -->
<!-- language: en -->
<!-- fine-tunable: true -->
<!-- license: Apache-2.0 -->

## Overview
Takes a batch of sentences. Words are split on spaces; punctuation is removed.
""",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make serve-demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "serve-demo", help="where the folder goes")
    parser.add_argument("--demo", type=Path, default=ROOT / "out" / "demo", help="where `make demo` wrote to")
    parser.add_argument("--port", default="8080")
    parser.add_argument("--only-lay-out", action="store_true", help="do not serve")
    args = parser.parse_args()
    lay_out(args.out, args.demo)
    if args.only_lay_out:
        return 0
    return tf1hub(["serve", str(args.out), "--port", args.port, "--title", "tf1hub demo"])


def lay_out(folder: Path, demo: Path) -> None:
    """Lays the modules into the folder, each with its page."""
    digits = demo / "digits_module"
    if not digits.exists():
        print("Training and publishing the module of digits, some seconds", file=sys.stderr)
        # In a process of its own: TensorFlow brings an SQLite that has no full-text search.
        subprocess.run([sys.executable, "-c", _PUBLISH, str(digits)], check=True, cwd=ROOT)
    modules = {
        "digits/features/1": digits,
        "digits/features/2": demo / "fine_tuned_module",
        "golden/image/2": GOLDEN / "image_ref_variables" / "module",
        **{f"golden/{path.name}/1": path / "module" for path in sorted(GOLDEN.iterdir())},
    }
    for name, module in modules.items():
        if module.is_dir() and not (folder / name).exists():
            shutil.copytree(module, folder / name)
    for name, page in PAGES.items():
        if (folder / name).is_dir():
            (folder / name / "README.md").write_text(page)


if __name__ == "__main__":
    sys.exit(main())
