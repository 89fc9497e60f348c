"""Runs the story from its beginning to its end: `make demo`, or `python -m examples.digits_demo`."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import tf1hub as hub

from . import consume, in_bulk, in_keras, publish
from .data import consumers_digits, split_few
from .report import Results, accuracy_table, draw

LABELS_PER_CLASS = (5, 10, 20, 50)


def main() -> Results:
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="where modules and picture go")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions that are averaged (default: 3)")
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS_PER_CLASS, help="labels per class")
    args = parser.parse_args()
    console = Console(highlight=False)
    started = time.perf_counter()

    console.rule("The publisher")
    published, fine_tuned = args.out / "digits_module", args.out / "fine_tuned_module"
    for module in (published, fine_tuned):  # of an earlier run; nothing is exported onto what is there
        shutil.rmtree(module, ignore_errors=True)
    publish_module(published, console)

    console.rule("The consumer")
    results = compare(published, args.labels, args.seeds, console)
    title = f"Even or odd? Accuracy on unseen images, mean of {args.seeds} runs"
    console.print(accuracy_table(results, f"{title}, %"))
    picture = args.out / "learning_curves.png"
    draw(results, title, picture)
    console.print(f"Picture: {picture}")

    console.rule("The consumer, in Keras")
    fine_tune_in_keras(published, results, args.out / "model.keras", console)

    console.rule("The fine-tuned module, published again")
    publish_again(published, fine_tuned, console)

    console.rule("The module, applied to all images")
    apply_to_all(published, args.out, console)
    console.print(f"All of it took {time.perf_counter() - started:.0f} seconds.")
    return results


def publish_module(path: Path, console: Console) -> None:
    with console.status("Training on 1,000 digits") as status:
        reached = publish.publish(
            path, publish.STEPS, lambda step, now: status.update(f"Step {step}: {100 * now:.1f} % right")
        )
    console.print(f"Trained on digits: {100 * reached:.1f} % right on those held back.")
    console.print(f"Published {path}, which says of itself:")
    spec = hub.load_module_spec(str(path))
    for tags in spec.get_tags():
        console.print(
            f"  variant {sorted(tags)}, signatures {sorted(spec.get_signature_names(tags))}", markup=False
        )
    size = hub.get_expected_image_size(spec)
    console.print(f"  images of {size[0]} x {size[1]} pixels")


def compare(module_path: Path, labels_per_class: list[int], seeds: int, console: Console) -> Results:
    """Every approach with every number of labels, on the same labels and the same test images."""
    digits = consumers_digits()
    results = Results()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        total = len(consume.APPROACHES) * len(labels_per_class) * seeds
        task = progress.add_task("", total=total)
        for per_class in labels_per_class:
            for seed in range(seeds):
                few, test = split_few(digits, per_class, seed)
                for approach in consume.APPROACHES:
                    progress.update(task, description=f"{per_class:>3} labels per class, {approach.name:<15}")
                    curve = consume.learn(approach, module_path, few, test, consume.STEPS, seed)
                    results.add(approach.name, per_class, curve)
                    progress.advance(task)
    return results


def fine_tune_in_keras(module_path: Path, results: Results, new_path: Path, console: Console) -> None:
    """The same fine-tuning as a Keras model, on the same labels and test images as in the graph."""
    digits = consumers_digits()
    counts = results.labels_per_class()
    per_class = counts[len(counts) // 2]
    in_graph = results.final(consume.FINE_TUNED.name, per_class)
    reached = []
    with console.status(f"Fine-tuning with {per_class} labels per class"):
        for seed in range(len(in_graph)):
            few, test = split_few(digits, per_class, seed)
            model, right = in_keras.fine_tune(module_path, few, test, consume.STEPS, seed)
            reached.append(right)
        difference = in_keras.save_and_restore(model, new_path, test)
    for name, values in (("in the graph", in_graph), ("in Keras", reached)):
        console.print(
            f"Fine-tuned {name:<12} with {per_class} labels per class: {100 * np.mean(values):.1f} % right "
            f"(from {100 * np.min(values):.1f} to {100 * np.max(values):.1f})"
        )
    console.print(f"Saved as {new_path} and loaded again, what it says differs by at most {difference:.1e}.")


def publish_again(module_path: Path, new_path: Path, console: Console) -> None:
    few, test = split_few(consumers_digits(), 20, seed=0)
    difference = consume.fine_tune_and_export(module_path, new_path, few, test, consume.STEPS)
    console.print(f"Fine-tuned with 20 labels per class, exported to {new_path} and loaded again:")
    console.print(f"  its features differ by at most {difference:.1e} from those before the export.")


def apply_to_all(module_path: Path, out: Path, console: Console) -> None:
    images, features = out / "images", out / "features.parquet"
    count = in_bulk.write_images(images)
    started = time.perf_counter()
    command = in_bulk.apply_to_all(module_path, images, features)
    if command is None:
        return
    took = time.perf_counter() - started
    console.print(f"$ {' '.join(command)}", markup=False, soft_wrap=True)
    rows, size, difference = in_bulk.check_features(module_path, features)
    console.print(
        f"{rows:,} of {count:,} images became {size} features each in {took:.1f} s. From those of the module in a graph they differ "
        f"by at most {difference:.1e}, as much as their shades."
    )


if __name__ == "__main__":
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    main()
