"""torch, Qt and what goes with them, which this package has only where its extras were installed."""

import shlex
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

EXTRAS = {
    "cuda": ("torch", "torchvision"),
    "train": ("torch", "torchvision", "matplotlib", "h5py"),
    "panel": ("PySide6-Essentials>=6.8,<6.12",),
}


def install(extra: str) -> str:
    """The command that adds what an extra of this package holds to the environment that this runs in."""
    return f"uv pip install --python {shlex.quote(sys.prefix)} {shlex.join(EXTRAS[extra])}"


def lacking(what: str, extra: str, parts: Iterable[str] = ("torch",), beside: Iterable[str] = ()) -> str:
    """A sentence where something is missing that `what` needs, with the command that installs it; nothing where all is
    there. `parts` are imported, which takes seconds; those `beside` them only have to be there. `extra` is this
    package's that has them all.
    """
    for part in (*parts, *beside):
        if find_spec(part) is None:
            return f"{what} needs {part}; install it with: {install(extra)}"
    for part in parts:
        try:
            import_module(part)
        except Exception as error:  # noqa: BLE001 - a damaged installation raises whatever it likes
            why = " ".join(str(error).split()) or type(error).__name__
            return (
                f"{what} needs {part}, which can't be imported here ({why:.200}); "
                f"install it anew with: {install(extra)} --reinstall"
            )
    return ""
