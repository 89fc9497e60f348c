"""Trying a module in a real browser: by the server, and in the browser alone with what the package brings along."""

from __future__ import annotations

import contextlib
import shutil
import types

import numpy as np
import pytest
from golden import cases
from serving import serving, serving_files
from test_pages_in_chromium import OUT, axe, browser, opened, playwright

import tf1hub as hub
from tf1hub.server.options import ServerOptions
from tf1hub.server.static_site import write_site

__all__ = ["browser"]


def numbers_of(plot):
    """The numbers that a plot shows, by index, as it tells them to who cannot see it."""
    words = plot.get_attribute("aria-label").rpartition("]: ")[2].split(": ", 1)[-1]
    return {int(index): float(value) for index, value in (part.split(": ") for part in words.split(", "))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name in ("image", "text_embedding", "half_plus_two"):
        shutil.copytree(cases.load(name).path, root / "demo" / name / "1")
    return root


def test_the_server_runs_it_and_the_page_shows_bars_and_neighbours(browser, folder):
    with serving(folder, ServerOptions(try_modules=True, in_browsers=False)) as served:
        served.repository.refresh()
        with opened(browser, served, "/demo/text_embedding/1") as page:
            form = page.locator("form.try")
            form.locator("textarea").fill("a cat\na cat and a dog\na fish")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_have_text("Ran in the server.", timeout=30_000)
            assert form.locator("svg.plot").count() == 3
            assert form.locator("tbody tr").count() == 3
            page.screenshot(path=OUT / "tried.png", full_page=True)
            found = axe.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        with opened(browser, served, "/demo/half_plus_two/1", errors=["422"]) as page:
            form = page.locator("form.try").first
            form.locator("textarea").fill("[[3]]")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".outputs pre")).to_have_text("[3.5]", timeout=30_000)
            form.locator("textarea").fill("[[")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_have_text("That is not JSON.")
            form.locator("textarea").fill('"x"')
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_contain_text("takes float32 [?, 1]", timeout=30_000)


def test_the_browser_alone_runs_it_with_the_numbers_of_the_original(browser, folder, tmp_path):
    from PIL import Image

    pixels = (np.random.default_rng(3).random([16, 16, 3]) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    with serving(folder, ServerOptions()) as served:
        served.repository.refresh()
        with opened(browser, served, "/demo/image/1") as page:
            form = page.locator("#try-1 form")
            form.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_have_text("Ran in this browser.", timeout=60_000)
            found = numbers_of(form.locator("svg.plot"))
            page.screenshot(path=OUT / "tried-in-browser.png", full_page=True)
    expected = hub.Predictor(cases.load("image").path, "image_classification", engine="numpy")(
        pixels[None].astype(np.float32) / 255
    )["default"][0]
    assert len(found) == 5
    for index, value in found.items():
        assert value == pytest.approx(expected[index], rel=0.01)


@pytest.mark.parametrize("by", ["server", "files"])
def test_texts_are_taken_apart_in_the_browser_too(browser, folder, by, tmp_path):
    with contextlib.ExitStack() as stack:
        if by == "server":
            served = stack.enter_context(serving(folder, ServerOptions()))
            served.repository.refresh()
            path = "/demo/text_embedding/1"
        else:
            write_site(folder, tmp_path / "site")
            served = types.SimpleNamespace(url=stack.enter_context(serving_files(tmp_path / "site")))
            path = "/demo/text_embedding/1.html"
        with opened(browser, served, path) as page:
            form = page.locator("form.try")
            form.locator("textarea").fill("a cat\na cat and a dog\na fish")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_have_text("Ran in this browser.", timeout=60_000)
            shown = [numbers_of(plot) for plot in form.locator("svg.plot").all()]
            page.screenshot(path=OUT / f"tried-texts-by-{by}.png", full_page=True)
    texts = np.array(["a cat", "a cat and a dog", "a fish"], object)
    expected = hub.Predictor(cases.load("text_embedding").path, engine="numpy")(texts)["default"]
    assert len(shown) == len(expected)
    for found, row in zip(shown, expected, strict=True):
        assert found == {index: pytest.approx(row[index], rel=0.01) for index in found}
