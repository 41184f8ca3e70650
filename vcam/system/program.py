"""How this very segblur is started."""

import sys
from pathlib import Path


def program() -> tuple[str, ...]:
    """The words that start this segblur, wherever it is called."""
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name("segblur")):
        if path.name == "segblur" and path.is_file():
            return (str(path.absolute()),)
    return (sys.executable, "-P", "-m", "vcam")
