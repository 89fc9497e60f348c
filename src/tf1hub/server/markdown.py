"""Markdown of publishers as HTML that is harmless: no scripts, no styles, nothing from another host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

_TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "ins",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
        "var",
    ]
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
}
_SCHEMES = {"http", "https", "mailto"}
_DROPPED = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "template",
    "noscript",
    "title",
    "textarea",
}
_MOST = 60_000
"""Characters of a page that are shown: nobody reads more, and hostile ones take time that grows with the square."""
_MOST_HTML = 120_000
"""Characters that they may become; of what becomes more, the first part is shown."""


@lru_cache(256)
def render(text: str, highest: int = 2) -> Markup:
    """Markdown, with HTML in it, as safe HTML.

    Args:
        text: the Markdown.
        highest: the level that its first heading gets; the page around it has those above.
    """
    most = _MOST
    html = _parser(highest).render(text[:most])
    while len(html) > _MOST_HTML and most > 1000:
        most = max(1000, most * _MOST_HTML // len(html) // 2)
        html = _parser(highest).render(text[:most])
    cleaned = nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="nofollow noopener noreferrer",
        strip_comments=True,
    )
    # Wide tables scroll by themselves; what scrolls has to be reached by keyboard.
    cleaned = cleaned.replace(
        "<table>", '<div class="wide" tabindex="0" role="region" aria-label="Table"><table>'
    )
    cleaned = cleaned.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    return Markup(cleaned)  # it was cleaned just now


@cache
def _parser(highest: int) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])

    def lower(state: Any) -> None:
        """Gives headings the levels below the page's, and leaves no level out: readers go by them."""
        outer: list[int] = []
        for token in state.tokens:
            if token.type == "heading_open":
                level = int(token.tag[1])
                while outer and outer[-1] >= level:
                    outer.pop()
                outer.append(level)
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(highest + len(outer) - 1, 6)}"

    parser.core.ruler.push("lower_headings", lower)
    parser.add_render_rule("image", _image)
    return parser


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A picture of another host becomes a link: the page asks nobody else."""
    token = tokens[index]
    words = self.renderInlineAsText(token.children or [], options, env) or "picture"
    return f'<a href="{escape(str(token.attrs.get("src", "")))}">{escape(words)}</a>'
