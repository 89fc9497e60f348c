"""Brings onnxruntime-web along: what runs a module's ONNX form in a visitor's browser.

`python scripts/browser_runtime.py` fetches the package from npm (`npm pack`), holds it against the digest below, and writes
to `src/tf1hub/server/runtime/` the three files that a page needs, packed, with a record of their digests. To take another
version, change `VERSION` and `INTEGRITY` (what `npm view onnxruntime-web@VERSION dist.integrity` says), and run it.

It is the build of plain WebAssembly: it has all operators of ONNX Runtime's CPU provider, and runs on one thread wherever
pages come from. The builds for WebGPU have twice the size, and fewer browsers.

`--notices DIR` also copies the licence and the notices of third parties, which the npm package lacks: they lie in the
installed Python package onnxruntime, which is built from the same sources.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")
TARGET = Path(__file__).parents[1] / "src" / "tf1hub" / "server" / "runtime"


def fetch_package(directory: str) -> Path:
    """The package of npm as an archive; its content is the one that is named above."""
    command = ["npm", "pack", "--silent", f"onnxruntime-web@{VERSION}"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    path = Path(directory, done.stdout.strip().splitlines()[-1])
    digest = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        raise SystemExit(
            f"{path.name} is not what this script names: its digest is {digest}, and not {INTEGRITY}."
        )
    return path


def write_files(package: Path) -> None:
    """Packs the files, and writes down what they are."""
    record: dict[str, object] = {"package": "onnxruntime-web", "version": VERSION, "integrity": INTEGRITY}
    digests = {}
    TARGET.mkdir(exist_ok=True)
    with tarfile.open(package) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None
            data = member.read()
            with (
                open(TARGET / f"{name}.gz", "wb") as file,
                gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed,
            ):
                packed.write(data)
            digests[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    record["files"] = digests
    (TARGET / "record.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notices", metavar="DIR", help="where LICENSE and ThirdPartyNotices.txt lie")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        write_files(fetch_package(directory))
    for name in NOTICES if args.notices else ():
        shutil.copyfile(Path(args.notices, name), TARGET / name)
    size = sum(path.stat().st_size for path in TARGET.iterdir())
    print(f"{TARGET}: onnxruntime-web {VERSION}, {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
