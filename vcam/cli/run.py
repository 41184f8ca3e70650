"""`segblur run`: the service in the foreground."""

import argparse
from typing import TYPE_CHECKING, Any

from vcam.cli.options import Commands, add_command, add_settings, overrides, settings_of

if TYPE_CHECKING:
    from vcam.settings import Settings


def add(commands: Commands) -> None:
    """The command."""
    text = "the service in the foreground: webcam in, SegBlur Camera out; Ctrl-C ends it"
    add_settings(add_command(commands, "run", run, text))


def run(arguments: argparse.Namespace) -> int:
    """The service, until it is stopped."""
    return run_service(settings_of(arguments), overrides(arguments))


def run_service(settings: "Settings", given: dict[str, dict[str, Any]]) -> int:
    """The service with these settings, of which the command line gave those."""
    import asyncio

    from vcam.service.service import serve
    from vcam.system.log import set_up_log

    set_up_log()
    asyncio.run(serve(settings, given))
    return 0
