"""The first line of the files that setup writes, by which one that was changed by hand is recognised and left alone."""

import hashlib

MARK = "made by segblur setup"
COMMENTS = {".lua": "--", ".svg": "<!--"}  # what a comment begins with, where that is not #
ENDS = {"<!--": " -->"}  # and ends with


def marked(text: str, comment: str = "#") -> str:
    """The text after a first line that says who made it, with its digest."""
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
    return f"{comment} {MARK}, sha256 of what follows: {digest}{ENDS.get(comment, '')}\n{text}"


def is_ours(text: str) -> bool:
    """Whether setup made the file."""
    return text.startswith(tuple(f"{comment} {MARK}" for comment in ("#", *COMMENTS.values())))


def is_untouched(text: str) -> bool:
    """Whether setup made the file and it is unchanged since."""
    return is_ours(text) and text == marked(text.partition("\n")[2], text.partition(" ")[0])
