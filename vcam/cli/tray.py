"""`segblur tray`: the icon in the panel."""

import argparse

from vcam.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """The command."""
    text = "an icon in the desktop's panel, with a menu, notifications and shortcuts"
    command = add_command(commands, "tray", tray, text)
    text = "have the desktop show the keys that work in every program, where they are changed"
    command.add_argument("--shortcuts", action="store_true", help=text)


def tray(arguments: argparse.Namespace) -> int:
    """Until it is closed, or the session ends."""
    import asyncio

    if arguments.shortcuts:
        from vcam.desktop import texts
        from vcam.desktop.shortcuts import ask_icon

        print(asyncio.run(ask_icon()) or texts.SHORTCUTS_SHOWN)
        return 0
    from vcam.desktop.tray import show_icon
    from vcam.system.log import set_up_log

    set_up_log()
    asyncio.run(show_icon())
    return 0
