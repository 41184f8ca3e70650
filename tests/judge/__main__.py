"""The picture of the whole path, judged: python -m tests.judge DATA [--before COMMIT] [--page docs/picture.md].

DATA has val/SET/images and masks, rooms/ and clips/. With --before the same figures of the code of another commit stand
beside those of this one. --page writes a page instead, and beside it a sheet of clips, NAME.jpg.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import cv2
import numpy as np

from segnet.markdown import aligned
from tests.judge.sheet import Clip, sheet
from training.data.pictures import read_rgb

ROOT = Path(__file__).parent.parent.parent
WIDTH = 120  # letters in a line of a page
HOW = {
    "contour": """How well the contour fits, on photographs with masks, enlarged to 720 lines; those of webcam
        and of parts of faces were made by the network's teachers, the others by hand. Boundary IoU: in a band
        of that share of the diagonal, over all pixels of a set (Cheng et al. 2021). Edge error: mean |share of
        the person − true share| within 1 % of the diagonal from the contour. Edge width: pixels from 10 % to 90
        %.""",
    "halo": """People from photographs, their colours known up to the contour and beyond, before rooms, at 1280×720. The
        result is compared with what it should be: the person before the room alone, blurred. Outside, inside: mean
        colour difference (CIE 1976 ΔE; 2.3 can just be seen) within 1 % of the diagonal from the true contour;
        elsewhere: in the rest of the background. Shown: how much of the sharp room is seen just outside; missing: of
        the person, just inside. With the true mask, at the network's size, what is left is not the network's fault;
        with the best possible, the true share of each pixel, it is nobody's: what is behind the person is unknown.""",
    "flicker": """Still: mean |change of the share| from one frame to the next near the contour, where nothing moves but
        noise of 4 grey levels; the goal is 0.004 at most, and to follow the picture's edges costs some of it. Moving:
        the same less the true change, of people who walk; and their edge error, which grows where a mask trails behind.
        Clips: |change| along the motion that optical flow finds (DIS), in real clips.""",
}
CLIPS = """Frame 40 of real clips. Left what is shown, then a part of it, three times as large: as filmed, and as each
    version shows it. Clips: Intel IoT DevKit sample videos, CC BY 4.0."""


def main() -> int:
    """The command line above."""
    options = argparse.ArgumentParser(prog="python -m tests.judge", description=__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--before", metavar="COMMIT")
    options.add_argument("--page", type=Path)
    options.add_argument("--pictures", type=int, default=30, help="of each set (default: 30)")
    chosen = options.parse_args()
    if missing := [name for name in ("val", "rooms", "clips") if not (chosen.data / name).is_dir()]:
        options.error(f"{chosen.data} has no {' and no '.join(missing)}")
    with TemporaryDirectory(prefix="segblur-judge-") as name:
        now = Path(name) / "now"
        versions = {"now": measured(ROOT, chosen.data, now, chosen.pictures)}
        if chosen.before:
            tree = checkout(chosen.before, Path(name) / "tree")
            before = measured(tree, chosen.data, Path(name) / "before", chosen.pictures)
            versions = {"before": before} | versions
        text = tables(versions)
        if chosen.page:
            write_page(chosen.page, text, {v: Path(name) / v for v in versions}, chosen.before)
        else:
            print(text)
    return 0


def checkout(commit: str, folder: Path) -> Path:
    """The program as it was at a commit; the folder. Raises CalledProcessError."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit, "vcam", "segnet"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def measured(tree: Path, data: Path, out: Path, count: int) -> dict[str, dict[str, float]]:
    """The figures of the program in `tree`, by a process that imports it; its pictures in `out`. The judge is always
    this one. Raises CalledProcessError.
    """
    out.mkdir()
    # -P, and the tree before this one, so that it has its own vcam and segnet but no judge.
    environment = os.environ | {"PYTHONPATH": f"{tree}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "tests.judge.measure", str(data.resolve()), str(out), str(count)]
    subprocess.run(command, env=environment, check=True)
    figures: dict[str, dict[str, float]] = json.loads((out / "figures.json").read_text())
    return figures


def tables(versions: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Figures of each version (version → part → name → figure) as tables, one below the other's line."""
    parts = list(next(iter(versions.values())))
    groups: dict[str, list[str]] = {kind: [] for kind in HOW}
    for part in parts:
        groups[next((kind for kind in HOW if part.startswith(kind)), "contour")].append(part)
    text = []
    for kind, members in groups.items():
        names = list(dict.fromkeys(name for part in members for name in next(iter(versions.values()))[part]))
        rows = [[kind, "", *names]]
        rows += [
            [part.removeprefix(f"{kind}, "), version, *(told(figures[part].get(name)) for name in names)]
            for part in members
            for version, figures in versions.items()
        ]
        text += [*aligned(rows, words=2), "", wrapped(HOW[kind]), ""]
    return "\n".join(text[:-1])


def told(figure: float | None) -> str:
    """A figure as people read it."""
    return "" if figure is None else f"{figure:g}"


def wrapped(text: str) -> str:
    """Lines of at most WIDTH letters."""
    return fill(" ".join(text.split()), WIDTH)


def write_page(page: Path, text: str, folders: Mapping[str, Path], before: str | None) -> None:
    """The page, and the sheet of the clips beside it."""
    picture = page.with_suffix(".jpg")
    sheet(read_clips(folders)).save(picture, quality=88)
    command = f"python -m tests.judge DATA{f' --before {before}' if before else ''} --page docs/{page.name}"
    made = "From a frame as the webcam delivers it to what is shown, with the shipped network; made by"
    parts = ["# How good the picture is", made, f"    {command}", text, f"![Clips]({picture.name})", wrapped(CLIPS)]
    page.write_text("\n\n".join(parts) + "\n")


def read_clips(folders: Mapping[str, Path]) -> dict[str, Clip]:
    """What each version left in its folder, by the clips' names."""
    last = list(folders.values())[-1]
    clips = {}
    for file in sorted(last.glob("*.filmed.png")):
        name = file.name.removesuffix(".filmed.png")
        shown = {version: read_rgb(folder / f"{name}.shown.png") for version, folder in folders.items()}
        kept = np.asarray(cv2.imread(str(last / f"{name}.alpha.png"), cv2.IMREAD_GRAYSCALE))
        clips[name] = Clip(read_rgb(file), shown, kept)
    return clips


if __name__ == "__main__":
    sys.exit(main())
