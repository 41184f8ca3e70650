"""Figures as Markdown, for the commands that print them."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """Lines of a Markdown table; the first `words` columns are words, to the left, the others figures, to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(c.ljust(w) if i < words else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i < words else ":") for i, w in enumerate(widths)) + "|"
    return [lines[0], rule, *lines[1:]]
