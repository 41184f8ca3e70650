"""What `segblur bench` measured, for people: tables, and the page docs/speed.md."""

import os
import platform
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill
from typing import Any

from segnet.markdown import aligned
from vcam.bench.bench import STAGES

Row = dict[str, Any]
GOAL = 6.0  # times less than the ordinary recipe
VECTORS = {"avx512_bf16": "AVX-512, bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}  # by the kernel's names of them
PARTS = ("numpy", "opencv-python", "openvino", "torch", "mediapipe")

HOW = (
    "From the webcam's buffer in memory to I420 in memory, frames of the bundled sample; milliseconds a frame. The "
    "stages and CPU are CPU time of all threads, medians, and beside them the mean, which other programs on the machine"
    " lengthen; p50, p95 and p99 are the time that passes, which waiting for a processor lengthens even more. MB: main "
    "memory of the process that measures and does nothing else (10⁶ bytes)."
)
HOW_COMPARED = (
    "CPU time, milliseconds a frame, medians, in one process, in turns of a few frames. The ordinary recipe: BGR, a "
    "Gaussian of 35×35 pixels over the whole picture, a blend in floats, and back to I420; by this network, and by "
    "MediaPipe's own package where that is installed too."
)
HOW_ON_GPU = (
    "Milliseconds that pass, medians. Upload, with the copy into page-locked memory, graph and download are waited for "
    "one by one; floor: upload and download alone, waited for once; steps: what the graph does, started step by step."
)
HOW_STARTED = (
    "Seconds from the start of a process to the first blurred frame in memory, with what is in the cache by then; the "
    "first time of all, with nothing in it; the CPU time in that; and the megabytes that the process then holds."
)


def tables(rows: Sequence[Row]) -> str:
    """The figures, each table with a line on how to read it."""
    parts = [*aligned(costs(rows), words=4), "", fill(HOW, 120)]
    if any("compare" in row for row in rows):
        parts += ["", *aligned(compared(rows), words=4), "", fill(HOW_COMPARED, 120)]
        parts += ["", *(f"- {sentence}" for row in rows if "compare" in row for sentence in common(row))]
    if any("gpu" in row for row in rows):
        parts += ["", *aligned(on_gpu(rows), words=4), "", fill(HOW_ON_GPU, 120)]
    parts += ["", *aligned(started(rows), words=3), "", fill(HOW_STARTED, 120)]
    for trouble in dict.fromkeys(row["trouble"] for row in rows if "trouble" in row):
        parts += ["", fill(f"Not every frame was made as it should be: {trouble}.", 120)]
    return "\n".join(parts)


def page(rows: Sequence[Row], command: str) -> str:
    """The tables as a page that tells where they come from; `command` made it."""
    return "\n".join(
        [
            "# What a frame costs",
            "",
            fill(f"On {machine()}; made by", 120),
            "",
            f"    {command}",
            "",
            *aligned(bars(rows), words=1),
            "",
            tables(rows),
        ]
    )


def costs(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each row."""
    head = ["device", "engine", "size", "input", *STAGES, "CPU", "mean", "p50", "p95", "p99", "MB"]
    lines = [
        [
            *which(row),
            *(f"{row['cpu_stages'][name]:.2f}" if name in row["cpu_stages"] else "" for name in STAGES),
            *(f"{row[name]:.2f}" for name in ("cpu_ms", "cpu_mean_ms", "p50_ms", "p95_ms", "p99_ms")),
            str(row["rss_mb"]),
        ]
        for row in rows
    ]
    return [head, *lines]


def compared(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each row, with its recipes side by side."""
    names = list(dict.fromkeys(name for row in rows for name in row.get("compare", {})))
    head = ["device", "engine", "size", "input", names[0]]
    lines = [[*which(row), f"{row['compare'][names[0]]['cpu_ms']:.2f}"] for row in rows if "compare" in row]
    for name in names[1:]:
        figures = [row["compare"][name] for row in rows if "compare" in row]
        head += [name, "times ours"]
        lines = [[*line, f"{f['cpu_ms']:.2f}", f"{f['ratio']:.1f}"] for line, f in zip(lines, figures, strict=True)]
    return [head, *lines]


def common(row: Row) -> list[str]:
    """What of a frame no recipe can leave out, beside what the goal leaves for all of it; [] for a GPU."""
    if "network" not in row["cpu_stages"]:
        return []
    both = row["cpu_stages"]["decode"] + row["cpu_stages"]["network"]
    sixth = min(other["cpu_ms"] for name, other in row["compare"].items() if name != "SegBlur") / GOAL
    which_one = f"{size_of(row)}, {row['input']}, {row['engine']}"
    return [f"{which_one}: a sixth of the ordinary recipe is {sixth:.2f} ms; decoding and the network take {both:.2f}"]


def on_gpu(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each row of a GPU that makes whole frames."""
    names = ("upload", "graph", "download", "floor", "steps")
    lines = [
        [*which(row), *(f"{row['gpu'][name]:.3f}" for name in names), row["gpu"]["gpu"]] for row in rows if "gpu" in row
    ]
    return [["device", "engine", "size", "input", *names, "GPU"], *lines]


def started(rows: Sequence[Row]) -> list[list[str]]:
    """A line for each process: the inputs of one engine and size share it."""
    head = ["device", "engine", "size", "imports", "network", "in all", "the first time", "CPU", "MB"]
    parts = ("import_s", "network_s", "total_s")
    lines = [
        [
            row["device"],
            row["engine"],
            size_of(row),
            *(f"{row['startup'][part]:.2f}" for part in parts),
            f"{row['first_startup']['total_s']:.2f}",
            f"{row['startup']['cpu_s']:.2f}",
            str(row["startup"]["rss_mb"]),
        ]
        for row in rows
    ]
    return [head, *(list(line) for line in dict.fromkeys(map(tuple, lines)))]


def which(row: Row) -> list[str]:
    """What a row is about."""
    return [row["device"], row["engine"], size_of(row), row["input"]]


def size_of(row: Row) -> str:
    """Width and height of its pictures."""
    return f"{row['width']}×{row['height']}"


def bars(rows: Sequence[Row]) -> list[list[str]]:
    """What was aimed at, what was reached, and whether that is it; of several engines the first."""
    cpu, cuda = partial(first, rows, "cpu", 720), partial(first, rows, "cuda")
    lines = [["what", "goal", "here", ""]]
    for what, sign, goal, unit, figure in (
        ("CPU, 1280×720, YUYV: CPU time a frame", "≤", 5.0, "ms", cpu("yuyv", "cpu_ms")),
        ("CPU, 1280×720, MJPEG: CPU time a frame", "≤", 8.0, "ms", cpu("mjpeg", "cpu_ms")),
        ("CPU, 1280×720, YUYV: the ordinary recipe takes", "≥", GOAL, "times ours", cpu("yuyv", "ratio")),
        ("CPU, 1280×720, MJPEG: the ordinary recipe takes", "≥", GOAL, "times ours", cpu("mjpeg", "ratio")),
        ("CPU: able to blur after a start", "≤", 3.0, "s", cpu("yuyv", "startup", "total_s")),
        ("CPU: memory, the keeper's 60 MB apart", "≤", 290.0, "MB", cpu("yuyv", "rss_mb")),
        ("CUDA, 1920×1080, YUYV: p50", "≤", 1.0, "ms", cuda(1080, "yuyv", "p50_ms")),
        ("CUDA, 1920×1080, YUYV: p99", "≤", 1.5, "ms", cuda(1080, "yuyv", "p99_ms")),
        ("CUDA, 3840×2160, YUYV: p50", "≤", 3.0, "ms", cuda(2160, "yuyv", "p50_ms")),
    ):
        if figure is not None:
            met = figure <= goal if sign == "≤" else figure >= goal
            lines.append([what, f"{sign} {goal:g} {unit}", f"{figure:g} {unit}", "met" if met else "not met"])
    return lines


def first(rows: Sequence[Row], device: str, height: int, kind: str, *path: str) -> float | None:
    """One figure of the first row of this device, height and input that has it."""
    for row in rows:
        if (row["device"], row["height"], row["input"]) == (device, height, kind) and path[0] in row:
            value: Any = row
            for key in path:
                value = value[key]
            return float(value)
    return None


def machine() -> str:
    """Processor, how many of them, how busy they were, and the versions of what counts."""
    cores, load = f"{os.cpu_count()} logical processors", f"a load of {os.getloadavg()[0]:.1f} at the end"
    return ", ".join([processor(), cores, load, f"Python {platform.python_version()}", *versions()])


def processor() -> str:
    """Its name and its widest vectors, on which the time of a frame depends most, as far as the kernel tells."""
    facts = dict[str, str]()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = facts.get("flags", "").split()
    name = facts.get("model name") or platform.machine()
    return next((f"{name} ({vectors})" for flag, vectors in VECTORS.items() if flag in flags), name)


def versions() -> Iterator[str]:
    """Of the parts that matter, as far as they are installed."""
    for part in PARTS:
        try:
            yield f"{part} {version(part)}"
        except PackageNotFoundError:
            continue
