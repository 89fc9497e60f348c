"""How `make site` makes a site of these pages and of the docstrings."""

from __future__ import annotations

project = "tf1hub"
author = "the tf1hub authors"
project_copyright = "the tf1hub authors, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["conf.py"]
# Docstrings write code between single backticks.
default_role = "code"

html_theme = "furo"
html_title = "tf1hub"
# Nothing is asked of another host: a page works from a disk.
html_theme_options = {"navigation_with_keys": True}
html_show_sourcelink = False
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

# A heading is linked to as `page.md#the-heading`.
myst_heading_anchors = 3
# The examples' hidden parts are comments; so is nothing else.
myst_enable_extensions = ["colon_fence"]

napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# TensorFlow's and Keras's own docstrings follow other conventions than a page can be made of.
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
# Where the pages are made, it is not installed.
autodoc_mock_imports = ["apache_beam"]
