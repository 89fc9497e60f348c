"""Pages for people, without a browser: what is in them, and what is not."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest
from folder_of_pages import lay_folder
from serving import serving

import tf1hub
import tf1hub.server
from tf1hub.server.markdown import render
from tf1hub.server.page_parts import place_words


class Parts(html.parser.HTMLParser):
    """What a page would load or run, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.links: list[str] = []
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        if tag in ("img", "iframe", "object", "embed", "base", "audio", "video", "form") and tag != "form":
            self.inline.append(tag)
        if tag == "link" or (tag == "script" and given.get("src")):
            self.loaded.append(given.get("src") or given["href"])
        if tag == "a":
            self.links.append(given.get("href") or "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return lay_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def served(folder, tmp_path_factory):
    with serving(folder, state=str(tmp_path_factory.mktemp("state"))) as running:
        running.repository.refresh()
        yield running


PATHS = [
    "/",
    "/?q=image&task=image_classification",
    "/demo",
    "/demo/image",
    "/demo/image/1",
    "/demo/image/1/variables",
    "/demo/image/1/graph",
    "/demo/image/1/graph?tags=train",
    "/demo/image/1/compare/2",
    "/demo/text_embedding/1",
    "/demo/half_plus_two/1",
    "/demo/half_plus_two/1/graph",
    "/demo/broken/1",
    "/demo/lstm/1",
    "/nothing/here",
    "/demo/image/1/graph?tags=%3Cscript%3E",
    "/?start=x",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_page_runs_or_loads_what_is_not_ours(served, path):
    answer = served.ask("GET", path)
    text = answer.data.decode()
    assert answer.status in (200, 400, 404), text
    parts = Parts(text)
    assert parts.inline == []
    assert all(address.startswith("/static/") for address in parts.loaded)
    assert all(address.startswith(("/", "#", "?", "https://")) for address in parts.links)
    assert str(served.repository.folder) not in text
    assert len(answer.data) < 200_000
    # A page that runs a module may compile WebAssembly, and no page may evaluate a script.
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert ("script-src" in policy) == ('class="try"' in text)
    assert "script-src" not in policy or "; script-src 'self' 'wasm-unsafe-eval'; " in policy
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_module_page_has_what_is_known_of_it(served):
    text = served.ask("GET", "/demo/image/1").data.decode()
    for words in (
        "Five <strong>classes</strong>.",
        "image_classification",
        "[?, 16, 16, 3]",
        "with the tag train",
        "default_image_size: {height: 16, width: 16}",
        "1,549 weights",
        "TensorFlow 1.15.5",
        "It computes, and nothing else",
        served.repository.record("demo/image/1").digest,
        "/demo/image/1/compare/2",
        "tf1hub-graph",
    ):
        assert words in text, words


def test_every_snippet_is_python_or_a_line_for_a_shell(served):
    for name in ("image/1", "lstm/1", "text_embedding/1"):
        text = served.ask("GET", f"/demo/{name}").data.decode()
        found = re.findall(r'data-label="([^"]*)".*?<code>(.*?)</code>', text, re.DOTALL)
        labels = [label for label, _ in found]
        assert {"hub.Module", "hub.load", "Without TensorFlow", "Command line", "Convert"} <= set(labels)
        for label, code in found:
            code = html.unescape(code)
            if code.startswith("tf1hub "):
                assert f"{served.url}/demo/{name}" in code
            elif "import" in code:
                compile(code, label, "exec")


def test_the_snippet_without_tensorflow_runs(served, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    text = served.ask("GET", "/demo/lstm/1").data.decode()
    code = html.unescape(
        re.search(r'data-label="Without TensorFlow".*?<code>(.*?)</code>', text, re.DOTALL)[1]
    )
    given: dict = {}
    exec(code, given)
    assert given["outputs"]["default"].shape == (1, 8)


def test_search_and_facets_narrow_down(served):
    every = served.ask("GET", "/").data.decode()
    assert every.count('class="card"') == 5
    some = served.ask("GET", "/?q=lst").data.decode()
    assert some.count('class="card"') == 1
    assert "demo/lstm" in some
    images = served.ask("GET", "/?task=image_classification").data.decode()
    assert images.count('class="card"') == 1
    assert "checked" in images
    assert "Nothing matches" in served.ask("GET", "/?q=zebra").data.decode()


def test_what_changed_is_told_with_values(served):
    text = served.ask("GET", "/demo/image/1/compare/2").data.decode()
    left, right = (f"{served.repository.folder}/demo/image/{number}" for number in (1, 2))
    differences = tf1hub.diff(left, right, progress="none").differences
    assert f"{len(differences)} differences" in text
    assert "for inference: ReadVariableOp" in text
    for difference in differences:
        assert html.escape(place_words(difference.where), quote=False).replace("'", "&#39;") in text
    same = served.ask("GET", "/demo/image/1/compare/1").data.decode()
    assert "Nothing differs" in same
    assert (
        served.ask("GET", "/demo/image/1/compare?left=2&right=1").headers["Location"]
        == "/demo/image/2/compare/1"
    )


def test_scopes_are_turned_by_the_address(served):
    closed = served.ask("GET", "/demo/lstm/1/graph").data.decode()
    link = html.unescape(re.search(r'<a href="([^"]*turn=RNN_0[^"]*)"', closed)[1])
    opened = served.ask("GET", link).data.decode()
    assert 'aria-label="Close RNN_0"' in opened
    assert 'aria-label="Close RNN_0"' not in closed


def test_a_picture_as_a_file_allows_its_own_style_alone(served):
    answer = served.ask("GET", "/demo/image/1/graph.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_pages_are_told_not_to_have_changed(served):
    tag = served.ask("GET", "/demo/image/1").headers["ETag"]
    assert served.ask("GET", "/demo/image/1", headers={"If-None-Match": tag}).status == 304


def test_a_damaged_module_has_a_page_that_says_so(served):
    answer = served.ask("GET", "/demo/broken/1")
    assert answer.status == 200
    assert "<strong>Damaged.</strong>" in answer.data.decode()
    assert served.ask("GET", "/demo/broken").status == 200
    assert served.ask("GET", "/demo/broken/1/graph").status == 409


def test_wrong_addresses_are_told_in_words(served):
    for path, status, words in (
        ("/nothing/here", 404, "There is no module nothing/here in this repository."),
        ("/demo/image/9", 404, "There is no demo/image/9 in this repository."),
        ("/demo/image/1/nonsense", 404, "There is no page nonsense of demo/image/1."),
        ("/static/../app.py", 404, ""),
        ("/static/secret", 404, "There is no file"),
        ("/%2e%2e/%2e%2e/etc/passwd", 400, ""),
        ("/demo/image/1/graph?signature=zzz", 404, "No signature"),
        ("/?start=-1", 400, "start is a number"),
    ):
        answer = served.ask("GET", path)
        assert answer.status == status, path
        assert words in html.unescape(answer.data.decode()), path


def test_markdown_is_rendered_and_harmless():
    text = render(
        '## A\n#### B\n## C\n|a|b|\n|-|-|\n|1|2|\n\n<svg onload=alert(1)><b onclick="x">b</b> <a href="data:text/html,x">d</a> ~~x~~',
        3,
    )
    assert "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>" in text
    assert "<td>1</td>" in text
    assert "<b>b</b>" in text
    for words in ("svg", "onclick", "onload", "data:", "script"):
        assert words not in text


def test_json_of_what_is_shown_is_there_too(served):
    shown = json.loads(served.ask("GET", "/api/v1/modules?q=image").data)
    assert shown["total"] == 1


def test_static_files_are_all_that_there_are():
    folder = Path(tf1hub.server.__file__).parent / "static"
    from tf1hub.server import page_routes

    assert {path.name for path in folder.iterdir()} == set(page_routes._STATIC)


def test_what_becomes_too_much_html_is_cut_short():
    """Each short row of a wide table becomes a row of as many cells as its head has."""
    head = "|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n"
    assert len(render("Before.\n\n" + head + "|x\n" * 100)) < 130_000
    assert len(render("&<" * 40_000)) < 130_000
    assert "Before." in render("Before.\n\n" + head + "|x\n" * 100)


def test_what_is_damaged_comes_last_and_says_why(served):
    text = served.ask("GET", "/").data.decode()
    names = re.findall(r"</span>(\w+)</a>", text)
    assert len(names) == 5
    assert names[-1] == "broken"
    assert "demo/broken/1 has no tfhub_module.pb" in text
