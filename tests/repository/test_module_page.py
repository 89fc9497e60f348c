"""Markdown pages as the first hubs had them."""

from __future__ import annotations

from tf1hub.repository.examination import plain_words, summary_of
from tf1hub.repository.module_page import KEYS, read_page

NEWER = """# Module example/text-embedding/1
Simple description spanning
multiple lines.

<!-- asset-path: https://example.com/model.tar.gz -->
<!-- task:   text-embedding   -->
<!-- fine-tunable:true -->
<!-- format: saved_model_2 -->
<!-- dataset: mnist -->
<!-- dataset: wikipedia -->
<!-- interactive-visualizer: vision -->
<!-- language: en -->
<!-- network-architecture: bert -->
<!-- license: apache-2.0 -->
<!-- colab: https://colab.research.google.com/mycolab.ipynb -->
<!-- demo: https://example.com/demo -->
<!-- parent-model: example/text-embedding/0 -->

## Overview
Text. <!-- a comment that is none of ours: stays -->
"""
OLDER = """# Module example/generator/2
Makes images.

<!-- module-type: image-generator -->
<!-- format: hub -->


[![Open Colab notebook]](https://colab.research.google.com/old.ipynb)

## Overview

#### Example use
"""


def test_all_twelve_keys_are_understood():
    page = read_page(NEWER)
    assert len(KEYS) == 12
    assert page.metadata.keys() == KEYS.keys()
    assert page.metadata["dataset"] == ("mnist", "wikipedia")
    assert page.metadata["task"] == ("text-embedding",)
    assert page.metadata["fine-tunable"] == ("true",)
    assert (page.kind, page.title) == ("Module", "example/text-embedding/1")
    assert page.summary == "Simple description spanning\nmultiple lines."
    assert page.text.startswith("## Overview\nText. <!-- a comment")


def test_older_words_mean_the_same():
    page = read_page(OLDER)
    assert page.metadata == {
        "task": ("image-generator",),
        "format": ("hub",),
        "colab": ("https://colab.research.google.com/old.ipynb",),
    }
    assert page.summary == "Makes images."
    assert page.text == "## Overview\n\n#### Example use"


def test_a_page_without_these_rules_is_all_text():
    page = read_page("Just words.\n\nMore of them.")
    assert page == ("", "", "", {}, "Just words.\n\nMore of them.")
    assert read_page("") == ("", "", "", {}, "")
    assert read_page("# Title").title == "Title"


def test_keys_that_nobody_knows_stay_comments():
    assert "<!-- color: red -->" in read_page("# T\nx\n\n<!-- color: red -->\n## A").summary


def test_time_does_not_grow_with_the_square_of_a_hostile_page():
    for piece in ("<!-- a:", "[![a](", "# ", "<!--", "[![Open Colab notebook]]("):
        read_page(piece * 100_000)
        plain_words(piece * 100_000)
        summary_of(piece * 100_000)
