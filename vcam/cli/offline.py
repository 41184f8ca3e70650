"""`segblur demo`, `image` and `video`: the same on files."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vcam.cli.options import Commands, add_command, add_settings, overrides, settings_of
from vcam.errors import SettingsError

if TYPE_CHECKING:
    from vcam.settings import NetworkSettings, Settings

MOST_AT_ONCE = 64  # videos


def add(commands: Commands) -> None:
    """The commands."""
    text = "the same on whatever this machine has, with a sample in place of a webcam"
    command = add_command(commands, "demo", demo, text)
    where = "folder for results where there is no display"
    command.add_argument("-o", "--out", type=Path, default=Path(), help=where)
    add_settings(command)

    text = "pictures: writes NAME.mask.png, NAME.blurred.jpg and NAME.sheet.jpg for each"
    command = add_command(commands, "image", image, text)
    what = "pictures, JPEG, PNG, HEIC or the like, or folders of them"
    command.add_argument("pictures", metavar="IN", nargs="+", type=Path, help=what)
    where = "folder for the results"
    command.add_argument("-o", "--out", metavar="FOLDER", type=Path, required=True, help=where)
    add_settings(command, "look", "framing", "picture", "network")

    command = add_command(commands, "video", video, "video files with their background blurred, sound kept")
    command.add_argument("videos", metavar="IN", nargs="+", type=Path, help="the videos to read")
    where = "a .mp4, .m4v, .mkv or .mov to write; for several videos a folder, for NAME.blurred.mp4 or the like of each"
    command.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help=where)
    how = f"videos at a time, 1 to {MOST_AT_ONCE} (default: as many as there are cores, at most 8)"
    command.add_argument("--at-once", metavar="N", type=int, help=how)
    add_settings(command, "look", "framing", "picture", "network")


def demo(arguments: argparse.Namespace) -> int:
    """Say what is there, then do it."""
    settings = settings_of(arguments)
    from vcam.offline import demo as parts

    plan = parts.make_plan(settings, parts.window_works)
    live = plan.webcam is not None and (plan.serves or plan.window)
    print(f"camera:  {plan.webcam if live else 'the bundled sample, a man signing in a meeting room'}")
    for lack in plan.missing:
        print(f"missing: {lack}")
    if plan.serves:
        from vcam.cli.run import run_service

        print(f"output:  {plan.loopback}; choose {settings.output.label} in your video program. Ctrl-C ends it.")
        sys.stdout.flush()
        return run_service(settings, overrides(arguments))
    print(f"output:  {'a window; q ends it' if plan.window else 'files'}", flush=True)
    from vcam.pipeline.network import load_network

    segment = load_network(settings.network)
    if plan.window:
        start = time.monotonic()
        shown = parts.show_window(settings, plan.webcam, segment)
        print(f"{shown} frames shown, {shown / (time.monotonic() - start):.1f} a second")
    else:
        written = parts.write_demo(settings, segment, arguments.out)
        print(f"written: {written[0].resolve()} and {written[1].resolve()} (left the original, right the result)")
    return 0


def image(arguments: argparse.Namespace) -> int:
    """Pictures."""
    settings = settings_of(arguments)
    from tqdm import tqdm

    from vcam.offline.image import blur_pictures
    from vcam.offline.video import on_stderr
    from vcam.pipeline.network import load_network

    network, troubles = load_network(for_pictures(settings.network)), 0
    wanted = settings.look, settings.framing, settings.picture
    for job in blur_pictures(arguments.pictures, arguments.out, network, *wanted):
        if job.trouble:
            on_stderr(f"segblur: {job.trouble}")
            troubles += 1
        for path in () if job.trouble else job.targets:
            tqdm.write(str(path), file=sys.stdout)
    return 1 if troubles else 0


def for_pictures(chosen: "NetworkSettings") -> "NetworkSettings":
    """With the fine size where none was chosen: a picture has no next one that waits for it."""
    return chosen if "size" in chosen.model_fields_set else chosen.model_copy(update={"size": "fine"})


def video(arguments: argparse.Namespace) -> int:
    """A video, or several."""
    settings = settings_of(arguments)
    if arguments.at_once is not None and not 1 <= arguments.at_once <= MOST_AT_ONCE:
        raise SettingsError(f"--at-once must be from 1 to {MOST_AT_ONCE}")
    from vcam.system.memory import keep_freed

    keep_freed()
    if len(arguments.videos) > 1 or arguments.out.is_dir():
        return several(arguments, settings)
    from vcam.offline.video import blur_video
    from vcam.pipeline.network import load_network

    network = load_network(settings.network)
    wanted = settings.look, settings.framing, settings.picture
    frames = blur_video(arguments.videos[0], arguments.out, network, *wanted)
    print(f"{arguments.out}: {counted(frames, 'frame')}")
    return 0


def several(arguments: argparse.Namespace, settings: "Settings") -> int:
    """Several videos at a time, into a folder."""
    from tqdm import tqdm

    from vcam.offline.batch import blur_videos, by_itself
    from vcam.offline.video import on_stderr
    from vcam.pipeline.network import load_by_size

    began, good, frames = time.monotonic(), 0, 0
    load = partial(load_by_size, settings.network)
    at_once = arguments.at_once or by_itself()
    wanted = settings.look, settings.framing, settings.picture
    for job in blur_videos(arguments.videos, arguments.out, at_once, load, *wanted):
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
