"""`segblur tray`: the icon in the panel."""

import argparse

from vcam.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """The command."""
    add_command(commands, "tray", tray, "an icon in the desktop's panel, with a menu, notifications and shortcuts")


def tray(_arguments: argparse.Namespace) -> int:
    """Until it is closed, or the session ends."""
    import asyncio

    from vcam.desktop.tray import show_icon
    from vcam.system.log import set_up_log

    set_up_log()
    asyncio.run(show_icon())
    return 0
