"""What holds for all forms."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import tf1hub as hub
from tf1hub.cli.convert import FORM_NAMES
from tf1hub.converting.registry import FORMS
from tf1hub.converting.safetensors_form import SafetensorsForm
from tf1hub.errors import MissingDependencyError, UnsupportedGraphError

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "ways_out.md").read_text()


def test_the_command_the_page_the_docstring_and_the_registry_have_the_same_forms() -> None:
    assert [form.name for form in FORMS] == list(FORM_NAMES)
    assert [name for name in FORM_NAMES if f"`{name}`" not in PAGE] == []
    assert [name for name in FORM_NAMES if f'`"{name}"`' not in (hub.convert.__doc__ or "")] == []


def test_no_form_brings_tensorflow_before_it_is_used() -> None:
    program = "import sys; sys.modules['tensorflow'] = None\nimport tf1hub.converting.convert\n"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_says_what_to_install(form: object, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(form)
    monkeypatch.setattr(kind, "packages", ("no_such_package",))
    monkeypatch.setattr(kind, "extra", "an_extra")
    with pytest.raises(MissingDependencyError) as caught:
        kind().check_mode()
    assert str(caught.value).startswith(
        f"to={kind().name!r} needs no_such_package, which is not installed. Install with: pip install 'tf1hub[an_extra]'"
    )


def test_a_graph_that_no_reader_takes_is_refused_and_not_an_error_of_somebody_elses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("safetensors")

    def fails(*_: object) -> None:
        raise IndexError("tuple index out of range")

    monkeypatch.setattr(SafetensorsForm, "refusals", fails)
    path = str(pathlib.Path(__file__).parents[1] / "golden" / "modules" / "half_plus_two" / "module")
    with pytest.raises(UnsupportedGraphError) as caught:
        hub.convert(path, tmp_path / "m", to="safetensors")
    assert "\n  - its graph cannot be read: IndexError: tuple index out of range\n" in str(caught.value)
    (found,) = (each for each in hub.check(path, run=False).forms if each.form == "safetensors")
    assert (found.verdict, found.signatures) == ("no", ())
