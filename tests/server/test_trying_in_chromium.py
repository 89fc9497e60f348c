"""Trying a module in a real browser: by the server, and in the browser alone where onnxruntime-web is at hand."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from golden import cases
from serving import serving
from test_pages_in_chromium import OUT, axe, browser, opened, playwright

from tf1hub.server.options import ServerOptions

__all__ = ["browser"]
RUNTIME = os.environ.get("ONNXRUNTIME_WEB", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name in ("image", "text_embedding", "half_plus_two"):
        shutil.copytree(cases.load(name).path, root / "demo" / name / "1")
    return root


def test_the_server_runs_it_and_the_page_shows_bars_and_neighbours(browser, folder):
    with serving(folder, ServerOptions(try_modules=True)) as served:
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


@pytest.mark.skipif(
    not Path(RUNTIME, "ort.wasm.min.mjs").is_file(),
    reason="ONNXRUNTIME_WEB names no directory 'dist' of the npm package onnxruntime-web",
)
def test_the_browser_alone_runs_it_with_the_numbers_of_the_original(browser, folder, tmp_path):
    from PIL import Image

    pixels = (np.random.default_rng(3).random([16, 16, 3]) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    with serving(folder, ServerOptions(browser_runtime=RUNTIME)) as served:
        served.repository.refresh()
        with opened(browser, served, "/demo/image/1") as page:
            form = page.locator("#try-1 form")
            form.locator("input[type=file]").set_input_files(tmp_path / "noise.png")
            form.get_by_role("button", name="Run").click()
            playwright.expect(form.locator(".said")).to_have_text("Ran in this browser.", timeout=60_000)
            shown = form.locator("svg.plot").get_attribute("aria-label")
            page.screenshot(path=OUT / "tried-in-browser.png", full_page=True)
    import tf1hub as hub

    expected = hub.Predictor(cases.load("image").path, "image_classification", engine="numpy")(
        pixels[None].astype(np.float32) / 255
    )["default"][0]
    found = {
        int(part.split(":")[0]): float(part.split(":")[1]) for part in shown.partition(": ")[2].split(", ")
    }
    assert len(found) == 5
    for index, value in found.items():
        assert value == pytest.approx(expected[index], rel=0.01)
