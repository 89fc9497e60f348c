"""What the user of a module does who wants the features of all images, by one command."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import tf1hub as hub
from tf1hub.cli.main import main

from .data import scans

SIGNATURE = "image_feature_vector"


def write_images(folder: Path) -> int:
    """Writes all scans as files of images, as a user has them; returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    images = scans(slice(None)).images
    for number, image in enumerate(np.round(images * 255).astype(np.uint8)):
        Image.fromarray(image).save(folder / f"{number:04}.png")
    return len(images)


def apply_to_all(module_path: Path, images: Path, features: Path) -> list[str] | None:
    """Applies the module to a folder of images by the `tf1hub` command.

    Returns:
        The command; None where a package is missing, as the command has said.
    """
    features.unlink(missing_ok=True)
    words = ["apply", str(module_path), str(images), str(features), "--signature", SIGNATURE]
    return ["tf1hub", *words] if main([*words, "--quiet"]) == 0 else None


def check_features(module_path: Path, features: Path) -> tuple[int, int, float]:
    """Reads what was written.

    Returns:
        The rows; the numbers of each; and the greatest difference from what the module in a graph gives for the scans
        themselves, whose 17 shades are not quite those of a file of images.
    """
    from pyarrow import parquet

    table = parquet.read_table(features).to_pydict()
    found = np.array(table["default"], np.float32)
    order = [int(name.removesuffix(".png")) for name in table["name"]]
    assert order == sorted(order)
    with hub.eval_function_for_module(str(module_path)) as module:
        expected = module({"images": scans(slice(None)).images}, signature=SIGNATURE)
    return *found.shape, float(np.max(np.abs(found - expected)))
