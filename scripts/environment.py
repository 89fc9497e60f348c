"""Makes the virtual environments of this repository, from nothing but a Python.

    python scripts/environment.py newest legacy     make these, or do nothing where they are up to date
    python scripts/environment.py --lock           pin anew what pyproject.toml asks for, in requirements/

Each environment is a lock file in requirements/, with versions and hashes, laid
out in .venv/NAME by uv. uv itself is pinned in requirements/uv.txt and comes
through pip, so that the machine's pip configuration decides where from. A
second run only compares a digest, in milliseconds.

It runs on any Python 3.8 or later with venv and pip, and imports nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"
LOCKS = ROOT / "requirements"
UV = VENVS / "uv" / "bin" / "uv"

# The one that both tested TensorFlows run on comes first.
SUPPORTED = ("3.11", "3.12", "3.13", "3.10")


class Environment(NamedTuple):
    """A virtual environment, or an overlay: packages to lay over one on PYTHONPATH."""

    purpose: str
    # The versions of Python that it can be made with, the best one first.
    pythons: tuple[str, ...] = SUPPORTED
    over: str | None = None
    # How tf1hub itself gets in: "editable", "dependencies" (only what it needs), "no".
    project: str = "editable"

    @property
    def is_old(self) -> bool:
        """Whether it runs on a Python that tf1hub does not."""
        return not set(self.pythons) & set(SUPPORTED)


ENVIRONMENTS = {
    "newest": Environment("the tests on the newest TensorFlow and Keras 3, the checks and the demo"),
    "oldest": Environment(
        "the tests on the oldest TensorFlow and Keras 2, the benchmarks", pythons=("3.11", "3.10")
    ),
    "plain": Environment(
        "tf1hub as users install it, without TensorFlow",
        pythons=("3.14", "3.13", "3.10", "3.12", "3.11"),  # TensorFlow has none for the first
        project="dependencies",
    ),
    "engines": Environment("the tests on Apache Beam, Ray and Spark", pythons=("3.11", "3.12", "3.13")),
    "engines-tensorflow": Environment(
        "the benchmarks on Apache Beam, Ray and Spark", pythons=("3.11", "3.12", "3.13")
    ),
    "legacy": Environment("tf.layers on the newest TensorFlow", over="newest", project="no"),
    "original": Environment("the original library 0.15.0", over="oldest", project="no"),
    "protoc": Environment("the compiler of messages.proto", over="oldest", project="no"),
    "ref": Environment("the original library 0.12.0 on TensorFlow 1.15", pythons=("3.7",), project="no"),
    "ref112": Environment("the original library 0.2.0 on TensorFlow 1.12", pythons=("3.6",), project="no"),
    "ref17": Environment("the original library 0.1.0 on TensorFlow 1.7", pythons=("3.6",), project="no"),
}


class SetupError(Exception):
    """Says what is missing on this machine, and what to do about it."""


class NoPythonError(SetupError):
    """This machine has no Python that an environment can run on."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ENVIRONMENTS))
    parser.add_argument("--lock", action="store_true", help="pin anew what pyproject.toml asks for")
    parser.add_argument("--upgrade", action="store_true", help="with --lock: take the newest versions")
    args = parser.parse_args()
    try:
        if args.lock:
            lock(args.names or list(ENVIRONMENTS), upgrade=args.upgrade)
        else:
            for name in args.names:
                make(name)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: this command failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


def make(name: str) -> None:
    """Brings .venv/NAME to the state that its lock file describes."""
    if name not in ENVIRONMENTS:
        raise SetupError(f"No environment {name!r}. It can be: {', '.join(ENVIRONMENTS)}.")
    environment = ENVIRONMENTS[name]
    if environment.over:
        make(environment.over)
    place, lock_file = VENVS / name, LOCKS / f"{name}.txt"
    editable = environment.project == "editable"
    digest = digest_of([lock_file, *([ROOT / "pyproject.toml"] if editable else [])])
    stamp = place / ".up-to-date"
    # A Python that was uninstalled leaves a dangling link.
    alive = environment.over or (place / "bin" / "python").exists()
    if alive and stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Setting up .venv/{name}: {environment.purpose}", file=sys.stderr, flush=True)
    stamp.unlink(missing_ok=True)
    if environment.over:
        fill_overlay(place, lock_file, VENVS / environment.over / "bin" / "python")
    else:
        fill_venv(place, lock_file, environment)
    stamp.write_text(digest)


def fill_venv(place: Path, lock_file: Path, environment: Environment) -> None:
    python = place / "bin" / "python"
    if version_of(python) is None:
        found = find_python(environment)
        shutil.rmtree(place, ignore_errors=True)
        # uv's own venvs need 3.8; Python's module makes one of any version, and uv installs into that.
        run(found, "-m", "venv", "--without-pip", place)
    flags = ["--quiet", "--require-hashes", "--python", python]
    if environment.pythons != ("3.6",):
        # Compiled as pip would: without, importing TensorFlow takes three times as long, the first time.
        # What uv compiles with needs 3.7.
        flags += ["--compile-bytecode"]
    run(uv(), "pip", "sync", *flags, lock_file)
    if environment.project == "editable":
        # In place, so that an edited file is what runs. Its build backend is in
        # the lock file too: nothing unpinned is fetched to build it.
        run(
            uv(),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--python",
            python,
            "-e",
            ROOT,
        )


def fill_overlay(place: Path, lock_file: Path, python: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    flags = ["--quiet", "--no-deps", "--require-hashes", "--compile-bytecode", "--python", python]
    flags += ["--target", place]
    run(uv(), "pip", "install", *flags, "-r", lock_file)


def lock(names: Iterable[str], upgrade: bool) -> None:
    """Writes requirements/NAME.txt from the dependency groups of pyproject.toml."""
    for name in names:
        environment = ENVIRONMENTS[name]
        group = ROOT / "pyproject.toml"
        command = [uv(), "pip", "compile", "--quiet", "--no-annotate", "--generate-hashes"]
        command += ["--custom-compile-command", "make lock", "--output-file", LOCKS / f"{name}.txt"]
        if environment.is_old:
            # uv chooses its default platform from the interpreter: pin for where wheels exist.
            version = environment.pythons[0]
            command += ["--python-version", version, "--python-platform", "x86_64-manylinux_2_17"]
        else:
            oldest = min(environment.pythons, key=lambda version: [*map(int, version.split("."))])
            command += ["--universal", "--python-version", oldest]
        if environment.over:
            # An overlay holds only what it names: the rest is in the environment below.
            command += ["--no-deps"]
        if upgrade:
            command += ["--upgrade"]
        if environment.project != "no":
            command += [group]
        print(f"Locking requirements/{name}.txt", file=sys.stderr, flush=True)
        run(*command, "--group", f"{group}:{name}")


def find_python(environment: Environment) -> Path:
    """$PYTHON where it fits; otherwise the best that this machine has."""
    chosen = os.environ.get("PYTHON")
    if chosen and not shutil.which(chosen):
        raise SetupError(f"PYTHON={chosen} is not a program that can be run.")
    if chosen and version_of(Path(chosen)) in environment.pythons:
        return Path(str(shutil.which(chosen)))
    found: dict[str | None, Path] = {}
    for candidate in candidates():
        found.setdefault(version_of(candidate), candidate)
    for version in environment.pythons:
        if version in found:
            return found[version]
    raise NoPythonError(
        f"No Python {' or '.join(environment.pythons)} was found on this machine. It is needed for: "
        f"{environment.purpose}. Install one, or name it: PYTHON=/path/to/python{environment.pythons[0]}"
    )


def candidates() -> Iterator[Path]:
    """Programs that may be a Python: this one, those on PATH, those of pyenv."""
    yield Path(sys.executable)
    versions = dict.fromkeys(version for each in ENVIRONMENTS.values() for version in each.pythons)
    names = [*(f"python{version}" for version in versions), "python3", "python"]
    folders = os.environ.get("PATH", "").split(os.pathsep)
    for name in names:
        for folder in folders:
            if os.access(os.path.join(folder, name), os.X_OK):
                yield Path(folder, name)
    # A pyenv shim of a version that is not switched on only prints a complaint.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.*/bin/python"), reverse=True)


def version_of(python: Path) -> str | None:
    """3.11 and the like, of a Python that can make virtual environments; None of anything else."""
    code = "import sys, venv, ssl; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def uv() -> Path:
    """uv in a virtual environment of its own, at the pinned version."""
    lock_file = LOCKS / "uv.txt"
    digest = digest_of([lock_file])
    stamp = VENVS / "uv" / ".up-to-date"
    if not (stamp.exists() and stamp.read_text() == digest):
        print("Setting up .venv/uv: the installer", file=sys.stderr, flush=True)
        shutil.rmtree(VENVS / "uv", ignore_errors=True)
        run(sys.executable, "-m", "venv", VENVS / "uv")
        pip = [VENVS / "uv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", lock_file)
        stamp.write_text(digest)
    return UV


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, env=environment_of_uv(), cwd=ROOT)


def environment_of_uv() -> dict[str, str]:
    """The environment in which uv asks the same registry as this machine's pip does."""
    variables = dict(os.environ)
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"):
        variables.pop(name, None)
    variables.setdefault("UV_HTTP_TIMEOUT", "300")
    variables.setdefault("UV_PYTHON_DOWNLOADS", "never")
    for name, setting in (("UV_DEFAULT_INDEX", "index-url"), ("SSL_CERT_FILE", "cert")):
        value = pip_setting(setting)
        if value:
            variables.setdefault(name, value)
    return variables


def pip_setting(name: str) -> str | None:
    variable = "PIP_" + name.upper().replace("-", "_")
    if variable in os.environ:
        return os.environ[variable]
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def digest_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"{sys.platform} {ROOT}".encode())
    for file in files:
        try:
            digest.update(file.read_bytes())
        except FileNotFoundError:
            raise SetupError(f"{file.relative_to(ROOT)} is missing; `make lock` writes it.") from None
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
