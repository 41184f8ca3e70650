"""Everything about the speed of a GPU that can be measured, for docs/gpu.md: `python -m vcam.gpureport PART TARGET`
measures one part and writes it as JSON, and `python -m vcam.gpureport page TARGET FOLDER` makes a page of what is in
FOLDER/PART.json. With --device cpu the same is done there, where nothing of it is quick.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any

from segnet.engines import EngineError
from segnet.markdown import aligned
from vcam.bench import decoded, read_inputs
from vcam.errors import SegBlurError
from vcam.files import whole
from vcam.frame import I420, empty
from vcam.gpu import Frames
from vcam.mask import MaskError
from vcam.settings import NetworkSettings, OutputSettings, Settings
from vcam.speed import bench, parse_size, write_inputs
from vcam.tables import bars, machine, tables

MOST_STREAMS = 128
PROFILED = 2  # of the sizes: the second is the one that the bar is for
COMPARED = 12  # frames of the sample

HOW_PROFILED = (
    "Kernels of one frame, copies included, and the share of the time between them; then those that take longest, all "
    "runs of one together, and the lines of this program whose kernels take longest when they are started step by step."
)
HOW_STREAMS = (
    "Threads with a stream, a graph and a memory each, I420 in memory to I420 in memory, without a pause between two "
    "frames; the most of which 99 of 100 frames take 33 ms or less."
)
HOW_DIFFERENT = "Grey levels, the worst of {} successive frames of the sample, each way with its own memory."


def measure_bench(device: str, sizes: Sequence[OutputSettings], frames: int) -> Any:
    """The rows of `segblur bench`. Raises SegBlurError."""
    settings = Settings(network=NetworkSettings(device=device, engine="torch"))
    rows = bench(settings, sizes, ["torch"], frames, False, partial(print, file=sys.stderr))
    from segnet.torchengine import gpu_name

    here = ", ".join(part for part in (gpu_name(), machine()) if part)
    return {"machine": here, "rows": rows, "bars": bars(rows)[1:], "tables": tables(rows)}


def measure_profile(device: str, sizes: Sequence[OutputSettings], frames: int) -> Any:
    """Size → what one frame is made of."""
    from vcam import kernels

    kernels.prepare()
    found = {}
    for size in sizes[:PROFILED]:
        maker = on(device, size)
        maker.ask(Settings().look.blur, goes_on=False)
        maker.upload(delivered(size)[0])
        found[words(size)] = kernels.one_go(maker) | {"lines": kernels.step_by_step(maker)}
    return found


def measure_streams(device: str, sizes: Sequence[OutputSettings], frames: int) -> Any:
    """Streams at the second size, or the only one."""
    from vcam.gpuspeed import streams

    size = sizes[:PROFILED][-1]
    most = MOST_STREAMS if device == "cuda" else 2
    found = streams(lambda: on(device, size), delivered(size), Settings().look.blur, frames, most)
    return {"size": words(size), **found}


def measure_differences(device: str, sizes: Sequence[OutputSettings], frames: int) -> Any:
    """Size → how far masks and pictures are from the CPU's."""
    from segnet.inference import load_segmenter
    from segnet.weights import DEFAULT
    from vcam.files import SAMPLE, VideoFile
    from vcam.gpuspeed import differences
    from vcam.yuv import from_bgr, to_bgr

    slow, quick = (load_segmenter(DEFAULT, engine="torch", device=where) for where in ("cpu", device))
    with VideoFile(SAMPLE) as video:
        sample = [to_bgr(pixels) for number, pixels in enumerate(video.frames()) if number % 7 == 0][:COMPARED]
    found = {}
    for size in sizes:
        pictures = []
        for bgr in sample:
            pictures.append(empty(size.width, size.height))
            from_bgr(bgr, pictures[-1])
        found[words(size)] = differences(on(device, size), quick, slow, pictures, Settings().look.blur)
    return found


MEASURES = {
    "bench": measure_bench,
    "profile": measure_profile,
    "streams": measure_streams,
    "differences": measure_differences,
}


def on(device: str, size: OutputSettings) -> Frames:
    """What makes whole frames of a size there. Raises SegBlurError."""
    from vcam.network import load_network, whole_frames

    network = load_network(NetworkSettings(device=device, engine="torch"))
    frames = whole_frames(network, (size.width, size.height))
    if frames is None:
        raise SegBlurError(f"{device} makes other pictures of {words(size)} than the CPU: see the log, mend that first")
    return frames


def delivered(size: OutputSettings) -> list[I420]:
    """Some frames of the sample, as a webcam of this size would deliver them. Raises OutputError."""
    with TemporaryDirectory(prefix="segblur-gpu-") as name:
        write_inputs(Path(name), size.width, size.height)
        jpegs = read_inputs(Path(name))["mjpeg"]
    return [decoded("mjpeg", data, (size.width, size.height)) for data in jpegs]


def words(size: OutputSettings) -> str:
    """1280×720."""
    return f"{size.width}×{size.height}"


def page(parts: dict[str, Any]) -> str:
    """Markdown of what was measured, whatever is there; a part that failed says why."""
    lines = ["## Measured", ""]
    titles = {"bench": bench_lines, "profile": profile_lines, "streams": stream_lines, "differences": different_lines}
    for name, tell in titles.items():
        found = parts.get(name)
        if found is None:
            lines += [f"{name}: not measured yet.", ""]
        elif "failed" in found:
            lines += [fill(f"{name}: {found['failed']}", 120), ""]
        else:
            lines += [*tell(found), ""]
    return "\n".join(lines)


def bench_lines(found: Any) -> Iterator[str]:
    """Where, what was aimed at and reached, and the tables of bench."""
    yield from (fill(f"On {found['machine']}.", 120), "")
    if found["bars"]:
        yield from aligned([["what", "goal", "here", ""], *found["bars"]])
        yield ""
    yield found["tables"]


def profile_lines(found: Any) -> Iterator[str]:
    """What a frame is made of."""
    yield from ("### What a frame is made of", "", fill(HOW_PROFILED, 120))
    for size, of in found.items():
        yield ""
        yield f"{size}: {of['kernels']} kernels, {of['busy_us']:g} of {of['span_us']:g} µs busy, gaps {of['gaps']:.1%}."
        for head, rows in (("kernel", of["longest"]), ("line", of["lines"])):
            yield ""
            yield from aligned([[head, "runs", "µs"], *([cell(row[0]), str(row[1]), f"{row[2]:g}"] for row in rows)])


def cell(text: str, most: int = 90) -> str:
    """A kernel's name as a table can hold it: not all of C++'s templates."""
    return "`" + text.replace("|", "\\|").replace("`", "'")[:most] + "`"


def stream_lines(found: Any) -> Iterator[str]:
    """How many streams."""
    yield from (f"### Streams at {found['size']}, 30 fps", "", fill(f"{HOW_STREAMS} Here: {found['most']}.", 120), "")
    rows = [[f"{one[key]:g}" for key in ("streams", "p50_ms", "p99_ms", "fps")] for one in found["tried"]]
    yield from aligned([["streams", "p50, ms", "p99, ms", "frames a second in all"], *rows], words=0)


def different_lines(found: Any) -> Iterator[str]:
    """How far from the CPU."""
    yield from ("### Against the CPU", "", fill(HOW_DIFFERENT.format(COMPARED), 120), "")
    keys = ("mask_mean", "mask_max", "picture_mean", "picture_max")
    rows = [[size, *(f"{of[key]:.2f}" for key in keys)] for size, of in found.items()]
    yield from aligned([["size", "mask, mean", "mask, most", "picture, mean", "picture, most"], *rows])


def main(arguments: Sequence[str]) -> int:
    """The exit code; what is wrong is a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m vcam.gpureport", description=__doc__)
    parser.add_argument("part", choices=[*MEASURES, "page"])
    parser.add_argument("target", type=Path, help="file to write")
    parser.add_argument("folder", type=Path, nargs="?", help="page: where PART.json are")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--sizes", default="1280x720,1920x1080,3840x2160")
    parser.add_argument("--frames", type=int, default=300)
    given = parser.parse_args(arguments)
    try:
        if given.part == "page":
            if given.folder is None:
                parser.error("page needs the folder of what was measured")
            there = {name: given.folder / f"{name}.json" for name in MEASURES}
            text = page({name: json.loads(path.read_text()) for name, path in there.items() if path.exists()})
        else:
            sizes = [parse_size(part) for part in given.sizes.split(",")]
            text = json.dumps(MEASURES[given.part](given.device, sizes, given.frames), indent=1)
        with whole(given.target) as beside:
            beside.write_text(text)
    except (SegBlurError, EngineError, MaskError, OSError, RuntimeError) as error:
        print(f"segblur: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
