"""Command lines of desktop entries, as the Desktop Entry Specification wants them (its chapter "The Exec key")."""

import re
from collections.abc import Sequence

RESERVED = re.compile(r"""[\s"'\\><~|&;$*?#()`]""")  # a word with one of these is quoted
ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}  # of every text in such a file


def command_line(program: Sequence[str], *words: str) -> str:
    """The value of Exec that starts the program with these words; a word %F or the like stays what it is."""
    path = program[0]
    if "%" in path or "=" in path:  # GLib finds no program with the one, and the specification forbids the other
        program = ("/bin/sh", "-c", 'exec "$@"', "segblur", *program)
    return " ".join([*(quoted(word) for word in program), *words])


def quoted(word: str) -> str:
    """A word that is taken literally."""
    if RESERVED.search(word):
        word = '"' + re.sub(r'(["`$\\])', r"\\\1", word) + '"'
    return "".join(ESCAPES.get(letter, letter) for letter in word.replace("%", "%%"))
