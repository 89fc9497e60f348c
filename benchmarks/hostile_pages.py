"""Markdown that is written to take long: each shape fills a page of 1 MB."""

from __future__ import annotations

SIZE = 1_000_000


def _fill(piece: str, size: int = SIZE) -> str:
    return (piece * (size // len(piece) + 1))[:size]


_CELLS = "|" + "a|" * 3000 + "\n|" + "-|" * 3000 + "\n"

SHAPES: dict[str, str] = {
    **{
        f"only {piece!r}": _fill(piece)
        for piece in (
            *(
                "[",
                "![",
                "[a](",
                "[a](b)",
                "*a ",
                "a**b",
                "*a_ ",
                "*_**__",
                "> ",
                "- ",
                "1. ",
                "a<b>",
                "<",
                "~~a",
                "\\",
            ),
            *(
                "a <!-- ",
                "a <![CDATA[",
                "a <?",
                "a <!A",
                "&amp;",
                "[a]: b\n",
                "# a\n",
                "a\n=\n",
                "<http://a ",
                "```\n",
            ),
            *(
                "* * *\n",
                "<div>",
                "<b><i>",
                "</b>",
                "<details><summary>",
                "<table><tr><td>",
                '<a href="',
                "\0",
            ),
        )
    },
    "lists in lists": "".join("  " * (line % 400) + "- a\n" for line in range(3000)),
    "quotes that go on lazily": "> " * 200 + "a\n" + _fill("b\n"),
    "code between ever more marks": "".join("`" * (line % 300 + 1) + " " for line in range(7000)),
    "a wide table": "|" + _fill("a|", 29_000) + "\n|" + _fill("-|", 29_000) + "\n|a|\n",
    "a long table": "|a|b|\n|-|-|\n" + _fill("|a|b|\n"),
    "a table of short rows": _CELLS + _fill("|x\n"),
    "one link, many uses": "[a]: b\n\n" + _fill("[a]"),
    "many links": "".join(f"[{line}]: /u\n" for line in range(100_000)),
    "many attributes": "<a " + _fill('a="b" '),
}
