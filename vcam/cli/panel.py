"""`segblur panel`: the window."""

import argparse
from pathlib import Path

from vcam.cli.options import Commands, add_command
from vcam.errors import SegBlurError


def add(commands: Commands) -> None:
    """The command."""
    text = "the window: what others see, what stands behind you, pause and resume"
    command = add_command(commands, "panel", panel, text)
    command.add_argument(
        "files", metavar="FILE", nargs="*", type=Path, help="pictures and videos to add to the gallery"
    )
    command.add_argument("--hidden", action="store_true", help="without showing it until the next call")


def panel(arguments: argparse.Namespace) -> int:
    """Show it. Raises SegBlurError."""
    from vcam.host.window import lacking_window
    from vcam.panel.display import lacking_library

    if missing := lacking_window():
        raise SegBlurError(missing)
    try:
        from vcam.panel.app import run
    except ImportError as error:
        if ".so" not in str(error):
            raise
        raise lacking_library(error) from None
    return run(arguments.files, arguments.hidden)
