"""Measures everything and prints the table: `make bench`.

make bench ARGS="graph --repeats 3"     only benchmarks/bench_graph.py, each measurement three times
make bench ARGS="--json out/bench.json" keeps the figures
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Bench, Row, python_of

FILES = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=", ".join(f.removeprefix("bench_") for f in FILES)
    )
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes per measurement (default: 5)")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    args = parser.parse_args()

    files = [f"bench_{name}" for name in args.names] or FILES
    unknown = sorted(set(files) - set(FILES))
    if unknown:
        parser.error(f"no file benchmarks/{unknown[0]}.py; there are: {', '.join(FILES)}")
    rows = measure_all(files, args.repeats)
    # Wide enough for a log file too, where the width of no terminal is known.
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    console.print(table(rows))
    missed = [row.what for row in rows if not row.reached]
    print(
        f"{len(rows) - len(missed)} of {len(rows)} targets reached."
        + "".join(f"\n  missed: {m}" for m in missed)
    )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {"machine": machine(), "rows": [dataclasses.asdict(row) for row in rows]}
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure_all(files: list[str], repeats: int) -> list[Row]:
    rows = []
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="tf1hub_bench_") as workdir, progress.status("") as status:
        bench = Bench(
            Path(workdir), repeats, lambda now: status.update(now) if progress.is_terminal else print(now)
        )
        for file in files:
            module = importlib.import_module(f"benchmarks.{file}")
            environment = getattr(module, "ENVIRONMENT", None)
            bench.python = python_of(environment)
            for row in module.rows(bench):
                row = dataclasses.replace(row, what=f"{row.what}, in {environment}") if environment else row
                progress.print(f"{row.what}: {row.figure} (target {row.target})", highlight=False)
                rows.append(row)
    return rows


def table(rows: list[Row]) -> Table:
    result = Table(
        title=f"tf1hub against the original library, and TensorFlow's loader, medians\n{machine()}"
    )
    for column, justify in (
        ("what", "left"),
        ("tf1hub", "right"),
        ("other", "right"),
        ("figure", "right"),
    ):
        result.add_column(column, justify=justify)  # type: ignore[arg-type]
    result.add_column("target", justify="right")
    result.add_column("")
    for row in rows:
        verdict = "reached" if row.reached else "[bold red]MISSED[/]"
        result.add_row(row.what, row.ours, row.original, row.figure, row.target, verdict)
    return result


def machine() -> str:
    names = ("tensorflow-cpu", "tensorflow", "numpy", "protobuf")
    versions = [f"{name} {found}" for name in names if (found := version_of(name))]
    return ", ".join([f"Python {platform.python_version()}", *versions, f"{platform.machine()}"])


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
