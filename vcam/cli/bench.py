"""`segblur bench`: what a frame costs on this machine."""

import argparse
import json
import shlex
import sys
from functools import partial

from vcam.cli.options import Commands, add_command, add_settings, settings_of
from vcam.errors import SettingsError

MOST_FRAMES = 1_000_000


def add(commands: Commands) -> None:
    """The command."""
    text = "what a frame costs on this machine, stage by stage, and how soon it begins"
    command = add_command(commands, "bench", bench, text)
    command.add_argument("--frames", type=int, default=200, help="frames to measure (default: 200)")
    command.add_argument(
        "--sizes", metavar="WxH,...", help="sizes of the picture (default: output.width x output.height)"
    )
    command.add_argument("--engines", metavar="X,...", help="engines: torch, openvino, auto (default: network.engine)")
    command.add_argument("--compare", action="store_true", help="beside it what most Python programs do, and ratios")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="rows as JSON instead of tables")
    how.add_argument("--markdown", action="store_true", help="a page that also describes this machine")
    add_settings(command, "output", "look", "framing", "picture", "network")


def bench(arguments: argparse.Namespace) -> int:
    """Figures."""
    settings = settings_of(arguments)
    from vcam.bench import matrix, report
    from vcam.effects.backdrop import check_look
    from vcam.settings import for_camera

    check_look(for_camera(settings.look))
    if not 1 <= arguments.frames <= MOST_FRAMES:
        raise SettingsError(f"--frames must be from 1 to {MOST_FRAMES}")
    sizes = [matrix.parse_size(text) for text in (arguments.sizes or "").split(",") if arguments.sizes]
    engines = [matrix.parse_engine(text) for text in (arguments.engines or settings.network.engine).split(",")]
    progress = partial(print, file=sys.stderr)
    rows = matrix.bench(settings, sizes or [settings.output], engines, arguments.frames, arguments.compare, progress)
    if arguments.markdown:
        print(report.page(rows, shlex.join(["segblur", *sys.argv[1:]])))
    else:
        print(json.dumps(rows, indent=2) if arguments.json else report.tables(rows))
    return 0
