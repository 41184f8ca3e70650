"""torch, Qt and what goes with them, which this package has only where its extras were installed."""

import shlex
import shutil
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

EXTRAS = {
    "cuda": ("torch", "torchvision"),
    "train": ("torch", "torchvision", "matplotlib", "h5py"),
    "panel": ("PySide6-Essentials>=6.8,<6.12",),
}
USING_GPU = "using the NVIDIA GPU of this machine"
PACKAGE = "/usr/lib/segblur"  # the environment of a distribution's package (packaging/tree): only root writes there
QT = {  # its Qt, by what installs packages there
    "apt": "install python3-pyside6.qtnetwork python3-pyside6.qtsvg python3-pyside6.qtwidgets",
    "dnf": "install python3-pyside6",
    "pacman": "-S pyside6",
}


def install(extra: str) -> str:
    """The command that adds what an extra holds to the environment that this runs in. To a distribution's package only
    the distribution can add something: its Qt, or else another installation takes the package's place.
    """
    if sys.prefix != PACKAGE:
        return f"uv pip install --python {shlex.quote(sys.prefix)} {shlex.join(EXTRAS[extra])}"
    tool = next(filter(shutil.which, QT), "")
    if extra == "panel" and tool and sys.version_info >= (3, 12):  # Debian 12 has no Qt for Python
        return f"sudo {tool} {QT[tool]}"
    return f"uv tool install '.[{extra}]'  # in a checkout of SegBlur, once this package is removed"


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
            again = install(extra) if sys.prefix == PACKAGE else f"{install(extra)} --reinstall"
            return f"{what} needs {part}, which can't be imported here ({why:.200}); install it anew with: {again}"
    return ""
