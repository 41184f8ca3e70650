"""The command line. `segblur --help` lists the commands.

Heavy modules are imported by the command that needs them, so that the others answer at once.
"""

import argparse
import errno
import io
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from vcam.cli.service import add_commands
from vcam.errors import SegBlurError, SettingsError
from vcam.settings import Settings, fields, for_camera, limits, load_settings
from vcam.system.log import keep_no_core
from vcam.system.memory import keep_freed

MOST_FRAMES = 1_000_000  # of one bench
MOST_AT_ONCE = 64  # videos
DESCRIPTION = """\
SegBlur Camera: you sharp, your room blurred, in every video program.

Reads the webcam, finds the person in each picture, blurs everything else, and writes the result to a virtual
camera that Zoom, Meet and other programs list as "SegBlur Camera". New here? Start with: segblur demo"""

# A program of its own: the service knows nothing of training.
TRAINING = {
    "train": "make weights from pictures and masks",
    "evaluate": "how good weights, or another program's masks, are on pictures with masks",
    "export": "weights in another form: for the service, for OpenVINO, from torchvision's files",
    "card": "the figures of a weights file, for its model card",
    "split": "divide pictures into those to train and those to measure on",
    "label": "masks for pictures that have none, by other networks",
    "download": "Pascal VOC 2012 and SBD",
}

MACHINE = {
    "setup": "makes the virtual camera and the service; shows the commands and asks first",
    "doctor": "says what is wrong on this machine, and the command that mends it",
}

EPILOG = """\
Settings come from the command line, the environment (SEGBLUR_LOOK__BLUR=0.8) and ~/.config/segblur/config.toml,
in this order; `segblur run --help` lists them."""


class Parser(argparse.ArgumentParser):
    """Errors in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2; a setting that does not exist is SettingsError's 78."""
        if message.startswith("unrecognized arguments: --") and "." in message:
            key = message.removeprefix("unrecognized arguments: --").split()[0].split("=")[0]
            raise SettingsError(f"{key} is not a setting of this command; see {self.prog} --help")
        self.exit(2, f"segblur: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        allow_abbrev=False,
        prog="segblur",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="", required=True)

    def command(name: str, what: Callable[..., int], text: str) -> Parser:
        added: Parser = commands.add_parser(
            name, allow_abbrev=False, help=text, description=f"{text[0].upper()}{text[1:]}."
        )
        added.set_defaults(what=what)
        return added

    add_settings(
        command(
            "run",
            run,
            "the service in the foreground: webcam in, SegBlur Camera out; Ctrl-C ends it",
        )
    )
    demo_parser = command(
        "demo",
        demo,
        "the same on whatever this machine has, with a sample in place of a webcam",
    )
    demo_parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path(),
        help="folder for results where there is no display",
    )
    add_settings(demo_parser)
    image_parser = command(
        "image",
        image,
        "pictures: writes NAME.mask.png, NAME.blurred.jpg and NAME.sheet.jpg for each",
    )
    image_parser.add_argument(
        "pictures",
        metavar="IN",
        nargs="+",
        type=Path,
        help="pictures, JPEG or PNG or the like",
    )
    image_parser.add_argument(
        "-o",
        "--out",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="folder for the results",
    )
    add_settings(image_parser, "look", "framing", "network")
    video_parser = command("video", video, "video files with their background blurred, sound kept")
    video_parser.add_argument("videos", metavar="IN", nargs="+", type=Path, help="the videos to read")
    video_parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        type=Path,
        required=True,
        help=".mp4, .m4v, .mkv or .mov to write; for several videos a folder, for NAME.blurred.mp4 or the like of each",
    )
    video_parser.add_argument(
        "--at-once",
        metavar="N",
        type=int,
        help=f"videos at a time, 1 to {MOST_AT_ONCE} (default: as many as there are cores, at most 8)",
    )
    add_settings(video_parser, "look", "framing", "network")
    command(
        "devices",
        list_devices,
        "webcams and virtual cameras of this machine, with their formats",
    )
    add_bench(command("bench", bench, "what a frame costs on this machine, stage by stage, and how soon it begins"))
    add_commands(command)
    for name, text in MACHINE.items():
        added = command(name, look_at_machine, text)
        if sys.argv[1:2] == [name]:
            import_module(f"vcam.host.{name}").add_arguments(added)
    for name, text in TRAINING.items():
        commands.add_parser(name, help=text, add_help=False)
    return top


def add_bench(command: Parser) -> None:
    """The options of bench."""
    command.add_argument("--frames", type=int, default=200, help="frames to measure (default: 200)")
    command.add_argument(
        "--sizes", metavar="WxH,...", help="sizes of the picture (default: output.width x output.height)"
    )
    command.add_argument("--engines", metavar="X,...", help="engines: torch, openvino, auto (default: network.engine)")
    command.add_argument("--compare", action="store_true", help="beside it what most Python programs do, and ratios")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="rows as JSON instead of tables")
    how.add_argument("--markdown", action="store_true", help="a page that also tells of this machine")
    add_settings(command, "output", "look", "framing", "network")


def add_settings(command: Parser, *sections: str) -> None:
    """An option for every setting of these sections (default: all), with its help and default."""
    group = command.add_argument_group("settings")
    for section, name, field in fields():
        if not sections or section in sections:
            shown = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            facts = [*limits(field), *([] if shown is None else [f"default: {shown}"])]
            text = (field.description or "") + (f" ({', '.join(facts)})" if facts else "")
            group.add_argument(
                f"--{section}.{name}",
                dest=f"set {section} {name}",
                metavar="X",
                help=text.replace("%", "%%"),
            )


def overrides(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The settings among the options: section → name → text."""
    tree: dict[str, dict[str, Any]] = {}
    for key, value in vars(arguments).items():
        if key.startswith("set ") and value is not None:
            _, section, name = key.split()
            tree.setdefault(section, {})[name] = value
    return tree


def look_at_machine(arguments: argparse.Namespace, _settings: None) -> int:
    """Setup and doctor, which nobody else pays for."""
    code: int = import_module(f"vcam.host.{sys.argv[1]}").run(arguments)
    return code


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """The service."""
    import asyncio

    from vcam.service.service import serve
    from vcam.system.log import set_up_log

    set_up_log()
    asyncio.run(serve(settings, overrides(arguments)))
    return 0


def demo(arguments: argparse.Namespace, settings: Settings) -> int:
    """Say what is there, then do it."""
    from vcam.offline import demo as parts

    plan = parts.make_plan(settings, parts.window_works)
    live = plan.webcam is not None and (plan.serves or plan.window)
    print(f"camera:  {plan.webcam if live else 'the bundled sample, a man signing in a meeting room'}")
    for lack in plan.missing:
        print(f"missing: {lack}")
    if plan.serves:
        print(f"output:  {plan.loopback}; choose {settings.output.label} in your video program. Ctrl-C ends it.")
        sys.stdout.flush()
        return run(arguments, settings)
    print(f"output:  {'a window; q ends it' if plan.window else 'files'}", flush=True)
    from vcam.pipeline.network import load_network

    segment = load_network(settings.network)
    if plan.window:
        shown = parts.show_window(settings, plan.webcam, segment)
        print(f"{shown} frames shown")
    else:
        written = parts.write_demo(settings, segment, arguments.out)
        print(f"written: {written[0].resolve()} and {written[1].resolve()} (left the original, right the result)")
    return 0


def image(arguments: argparse.Namespace, settings: Settings) -> int:
    """Pictures."""
    from vcam.offline.image import blur_pictures
    from vcam.pipeline.network import load_network

    for path in blur_pictures(
        arguments.pictures,
        arguments.out,
        load_network(settings.network),
        settings.look,
        settings.framing,
    ):
        print(path)
    return 0


def video(arguments: argparse.Namespace, settings: Settings) -> int:
    """A video, or several."""
    if arguments.at_once is not None and not 1 <= arguments.at_once <= MOST_AT_ONCE:
        raise SettingsError(f"--at-once must be from 1 to {MOST_AT_ONCE}")
    keep_freed()
    if len(arguments.videos) > 1 or arguments.out.is_dir():
        return videos(arguments, settings)
    from vcam.offline.video import blur_video
    from vcam.pipeline.network import load_network

    frames = blur_video(
        arguments.videos[0],
        arguments.out,
        load_network(settings.network),
        settings.look,
        settings.framing,
    )
    print(f"{arguments.out}: {counted(frames, 'frame')}")
    return 0


def videos(arguments: argparse.Namespace, settings: Settings) -> int:
    """Several videos at a time, into a folder."""
    from tqdm import tqdm

    from vcam.offline.batch import blur_videos, by_itself
    from vcam.offline.video import on_stderr
    from vcam.pipeline.network import load_by_size

    began, good, frames = time.monotonic(), 0, 0
    load = partial(load_by_size, settings.network)
    at_once = arguments.at_once or by_itself()
    for job in blur_videos(arguments.videos, arguments.out, at_once, load, settings.look, settings.framing):
        if job.trouble:
            on_stderr(f"segblur: {job.trouble}")
            continue
        tqdm.write(f"{job.target}: {counted(job.frames, 'frame')}", file=sys.stdout)
        good, frames = good + 1, frames + job.frames
    seconds, left_out = time.monotonic() - began, len(arguments.videos) - good
    done = f"{counted(good, 'file')}, {counted(frames, 'frame')}"
    print(f"{done} in {seconds:.1f} s: {frames / seconds:.1f} frames a second")
    if left_out:
        print(f"segblur: {left_out} of {len(arguments.videos)} videos could not be blurred; see above", file=sys.stderr)
    return 1 if left_out else 0


def counted(number: int, what: str) -> str:
    """1 frame, 2 frames."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def list_devices(arguments: argparse.Namespace, settings: Settings) -> int:
    """Devices."""
    from vcam.cli.devices import list_devices as text

    print(text())
    return 0


def bench(arguments: argparse.Namespace, settings: Settings) -> int:
    """Figures."""
    from vcam.bench import matrix, report
    from vcam.effects.backdrop import check_look

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


def main() -> int:
    """The exit code: 0, 1 for what is wrong with the world, 2 for the call, 78 for the settings."""
    # Read when OpenCV loads: a webcam that delivers nothing is noticed after one second instead of ten.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    # Read when it loads, here and in the worker: OpenCV's own OpenBLAS keeps a thread for each core, which spins after
    # each small product and takes up to as much CPU time as all else that is done with a frame.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # what it warns of, we say in a sentence of our own
    keep_no_core()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left half-written; `run` has its own way
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names are not always text
    if sys.argv[1:2] and sys.argv[1] in TRAINING:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "training", *sys.argv[1:]])  # noqa: S606 - no shell wanted
    try:
        arguments = parser().parse_args()
        # The others work with a settings file that is broken.
        ours = arguments.what.__module__ == __name__ and arguments.what is not look_at_machine
        code: int = arguments.what(arguments, load_settings(overrides(arguments)) if ours else None)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except (SegBlurError, ImportError, OSError) as error:
        return tell(error)
    return code


def tell(error: Exception) -> int:
    """One sentence on stderr for what is expected to go wrong, and its exit code; the rest is raised again."""
    code, sentence = 1, str(error)
    if isinstance(error, SegBlurError):
        code = error.exit_code
    elif isinstance(error, BrokenPipeError):  # `segblur devices | head`
        code, sentence = 141, ""
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        sentence = "there is no space left to write to; make some and call again"
    elif isinstance(error, ImportError) and ".so" in sentence:
        sentence = f"a system library is missing ({error}); on Debian: apt install libgl1 libglib2.0-0"
    else:
        raise error
    if not isinstance(error, SegBlurError | ImportError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what could not be written is given up
    if sentence:
        print(f"segblur: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
