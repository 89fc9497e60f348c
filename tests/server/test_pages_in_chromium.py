"""Pages in a real browser: search, facets, tabs, copying, pictures, colours, keyboard, small screens, accessibility."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from folder_of_pages import lay_folder
from serving import serving

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright drives the browser")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="the package has axe-core")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("There is no Chromium on this machine: apt install chromium", allow_module_level=True)

OUT = Path(__file__).parents[2] / "out" / "pages"
PAGES = {
    "catalogue": "/",
    "nothing": "/?q=zebra",
    "publisher": "/demo",
    "image": "/demo/image/1",
    "text": "/demo/text_embedding/1",
    "hostile": "/demo/half_plus_two/1",
    "damaged": "/demo/broken/1",
    "variables": "/demo/lstm/1/variables",
    "graph": "/demo/lstm/1/graph",
    "difference": "/demo/image/1/compare/2",
    "error": "/nothing/here",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = lay_folder(tmp_path_factory.mktemp("models"))
    with serving(folder, state=str(tmp_path_factory.mktemp("state"))) as running:
        running.repository.refresh()
        yield running


@pytest.fixture(scope="module")
def browser():
    OUT.mkdir(parents=True, exist_ok=True)
    flags = [
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield started
        started.close()


@contextlib.contextmanager
def opened(browser, served, path, *, errors=(), **options):
    """A page of its own; at the end, nothing was complained about and no other host was asked."""
    options.setdefault("viewport", {"width": 1200, "height": 900})
    context = browser.new_context(base_url=served.url, **options)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    said, hosts, dialogs = [], set(), []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    try:
        page.goto(path)
        yield page
        assert [each for each in said if not any(part in each for part in errors)] == []
        assert hosts == {urlsplit(served.url).netloc}
        assert dialogs == []
    finally:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_is_wider_than_a_small_screen(browser, served, name):
    # A page that is not found is an error of the network to the console.
    errors = ["404 (Not Found)"] if name == "error" else []
    with opened(browser, served, PAGES[name], errors=errors, color_scheme="light") as page:
        page.screenshot(path=OUT / f"{name}-light.png", full_page=True)
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=OUT / f"{name}-dark.png", full_page=True)
        found = axe.Axe().run(page, options={"runOnly": ["color-contrast"]})
        assert found.violations_count == 0, found.generate_report()
        page.set_viewport_size({"width": 340, "height": 700})
        page.screenshot(path=OUT / f"{name}-small.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 340


def test_search_answers_as_one_types(browser, served):
    with opened(browser, served, "/") as page:
        assert page.locator(".card").count() == 5
        page.get_by_role("searchbox").press_sequentially("embed")
        playwright.expect(page.locator(".card")).to_have_count(1)
        playwright.expect(page.locator("#found")).to_have_text("1 module for “embed”")
        assert page.url.endswith("?q=embed")
        assert page.evaluate("document.activeElement.name") == "q"
        page.get_by_role("searchbox").fill("")
        playwright.expect(page.locator(".card")).to_have_count(5)


def test_facets_narrow_down_at_once_and_keep_the_focus(browser, served):
    with opened(browser, served, "/") as page:
        page.get_by_label("image classification").check()
        playwright.expect(page.locator(".card")).to_have_count(1)
        assert "task=image_classification" in page.url
        assert page.evaluate("document.activeElement.value") == "image_classification"
        page.keyboard.press("Space")
        playwright.expect(page.locator(".card")).to_have_count(5)


def test_on_a_small_screen_what_is_found_comes_first(browser, served):
    with opened(browser, served, "/", viewport={"width": 360, "height": 640}) as page:
        assert page.locator(".card").first.bounding_box()["y"] < 640
        page.get_by_text("Narrow down").click()
        page.get_by_label("image classification").check()
        playwright.expect(page.locator(".card")).to_have_count(1)
        assert page.get_by_label("image classification").is_visible()


def test_without_scripts_all_is_there(browser, served):
    with opened(browser, served, "/", java_script_enabled=False) as page:
        page.get_by_role("searchbox").fill("embed")
        page.get_by_role("button", name="Search").click()
        assert page.locator(".card").count() == 1
        page.goto("/demo/image/1")
        assert page.get_by_role("heading", name="hub.load").is_visible()
        assert page.get_by_role("heading", name="with the tag train").is_visible()
        page.get_by_role("button", name="Show what changed").click()
        assert page.locator(".differences").is_visible()
        page.goto("/demo/lstm/1/graph")
        page.get_by_role("link", name=re.compile("^Open RNN_0")).click()
        assert page.get_by_role("link", name="Close RNN_0").is_visible()


def test_tabs_obey_mouse_and_keyboard(browser, served):
    with opened(browser, served, "/demo/image/1") as page:
        first, second = page.get_by_role("tab", name="hub.Module"), page.get_by_role("tab", name="hub.load")
        assert first.get_attribute("aria-selected") == "true"
        second.click()
        assert page.get_by_role("tabpanel").first.is_visible()
        assert "hub.load(" in page.locator("#use-load").inner_text()
        assert page.locator("#use-module").is_hidden()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#use-module").is_visible()
        page.keyboard.press("End")
        assert page.locator("#use-weights").is_visible()
        page.get_by_role("tab", name="with the tag train").click()
        assert page.locator("#variant-2").is_visible()


def test_what_is_copied_is_the_snippet(browser, served):
    with opened(browser, served, "/demo/text_embedding/1") as page:
        page.get_by_role("tab", name="Without TensorFlow").click()
        button = page.locator("#use-predictor button.copy")
        button.click()
        playwright.expect(button).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("#use-predictor code").inner_text()
        assert f'hub.Predictor("{served.url}/demo/text_embedding/1")' in copied


def test_scopes_open_and_close_where_they_are(browser, served):
    with opened(browser, served, "/demo/lstm/1/graph") as page:
        before = page.locator("[data-picture] svg > *").count()
        scope = page.get_by_role("link", name=re.compile("^Open RNN_0"))
        scope.scroll_into_view_if_needed()
        place = scope.bounding_box()
        scope.focus()
        page.keyboard.press("Enter")
        closing = page.get_by_role("link", name="Close RNN_0")
        playwright.expect(closing).to_be_visible()
        assert abs(closing.bounding_box()["y"] - place["y"]) < 40
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Close RNN_0"
        assert "turn=RNN_0" in page.url
        page.screenshot(path=OUT / "graph-opened.png")
        page.keyboard.press("Enter")
        playwright.expect(closing).to_have_count(0)
        assert page.locator("[data-picture] svg > *").count() == before


def test_colours_can_be_chosen_and_are_remembered(browser, served):
    def paper(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    with opened(browser, served, "/demo/image/1", color_scheme="light") as page:
        light = paper(page)
        button = page.get_by_role("button", name="Dark colours")
        button.click()
        dark = paper(page)
        assert dark != light
        assert button.get_attribute("aria-pressed") == "true"
        page.reload()
        assert paper(page) == dark
        page.emulate_media(color_scheme="dark")
        button.click()
        assert paper(page) == light


def test_a_picture_as_a_file_opens_scopes_without_scripts(browser, served):
    with opened(browser, served, "/demo/lstm/1/graph.svg", java_script_enabled=False) as page:
        assert page.locator("#s0").is_visible()
        page.locator("#s0 a[aria-label^='Open RNN_0']").click()
        assert page.locator("#s0").is_hidden()
        assert page.locator(".panel:visible text").first.text_content() == "all / RNN_0"
        page.screenshot(path=OUT / "graph-file.png")
        page.locator(".panel:visible a").first.click()
        assert page.locator("#s0").is_visible()


def test_the_content_is_reached_by_keyboard(browser, served):
    with opened(browser, served, "/demo/image/1") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
