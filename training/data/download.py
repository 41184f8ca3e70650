"""Pascal VOC 2012, and SBD's labels for more of its pictures, as one folder in VOC's layout (Everingham et al. 2010;
Hariharan et al. 2011, "Semantic Contours from Inverse Detectors").
"""

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.pairs import SEGMENTATION
from training.errors import DataError


def download(folder: Path, *, sbd: bool = False) -> str:
    """Make `folder`/voc2012, fetching 2 GB, and with `sbd` its list train_aug, fetching 1.4 GB more, where they aren't
    there yet; archives that were fetched are kept, or may be put there by hand. A sentence that says what there is.
    Raises DataError.
    """
    loadmat = matlab_reader() if sbd else None  # before anything is fetched
    root = fetch_voc(folder)
    if loadmat:
        add_sbd(root, fetch_sbd(folder), loadmat)
    lists = ", ".join(
        f"{path.stem} {len(path.read_text().split())}" for path in sorted((root / SEGMENTATION).glob("*.txt"))
    )
    return f"{root} holds {lists}; train with `segblur train --config training/recipes/deconvnet.toml --data {folder}`"


def matlab_reader() -> Any:
    """What reads .mat files. Raises DataError where scipy is not installed."""
    try:
        from scipy.io import loadmat  # type: ignore[import-untyped]
    except ImportError:
        raise DataError("SBD's labels are MATLAB files, which scipy reads: `uv pip install scipy`") from None
    return loadmat


def fetch_voc(folder: Path) -> Path:
    """`folder`/voc2012, in VOC's layout, whole or not there at all. Raises DataError."""
    from torchvision.datasets import VOCSegmentation  # type: ignore[import-untyped]

    root, unpacked = folder / "voc2012", folder / "VOCdevkit" / "VOC2012"
    if not root.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with fetch_errors("VOC 2012", folder):
            VOCSegmentation(folder, year="2012", image_set="train", download=True)
            unpacked.replace(root)
            unpacked.parent.rmdir()
    return root


def fetch_sbd(folder: Path) -> Path:
    """`folder`/sbd with cls, inst, img, train.txt and val.txt, whole or not there at all. Raises DataError."""
    from torchvision.datasets import SBDataset

    root, unpacked = folder / "sbd", folder / "sbd.new"
    if not root.exists():
        shutil.rmtree(unpacked / "benchmark_RELEASE", ignore_errors=True)
        for name in ("cls", "inst", "img"):
            shutil.rmtree(unpacked / name, ignore_errors=True)
        unpacked.mkdir(parents=True, exist_ok=True)
        with fetch_errors("SBD", unpacked):
            SBDataset(unpacked, image_set="train", mode="segmentation", download=True)
            unpacked.replace(root)
    return root


@contextmanager
def fetch_errors(what: str, folder: Path) -> Iterator[None]:
    """What goes wrong while something is fetched, in a sentence, as DataError."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{what} could not be fetched and unpacked in {folder}: {error}") from None


def add_sbd(root: Path, sbd: Path, loadmat: Any) -> None:
    """Labels of SBD for the pictures that VOC has none for, and the list train_aug: all that have labels, but none of
    VOC's val, some of which SBD trains on.
    """
    lists = root / SEGMENTATION
    mine = {name: set((lists / f"{name}.txt").read_text().split()) for name in ("train", "val")}
    theirs = {name for part in ("train", "val") for name in (sbd / f"{part}.txt").read_text().split()}
    with Image.open(root / "SegmentationClass" / f"{min(mine['train'])}.png") as picture:
        palette = picture.getpalette()
    for name in sorted(theirs - mine["val"]):
        # VOC's own labels are better where there are both: they know void, and SBD's contours are coarser.
        for kind, part, key in (("SegmentationClass", "cls", "GTcls"), ("SegmentationObject", "inst", "GTinst")):
            if not (target := root / kind / f"{name}.png").exists():
                labels = np.asarray(loadmat(str(sbd / part / f"{name}.mat"))[key][0]["Segmentation"][0], np.uint8)
                write_palette(target, labels, palette)
        if not (target := root / "JPEGImages" / f"{name}.jpg").exists():
            shutil.copyfile(sbd / "img" / f"{name}.jpg", target)
    names = sorted((theirs | mine["train"]) - mine["val"])
    (lists / "train_aug.txt").write_text("".join(f"{name}\n" for name in names))


def write_palette(path: Path, labels: NDArray[Any], palette: list[int] | None) -> None:
    """Labels uint8 (H, W) as a palette picture, in one step: a half would pass for VOC's own the next time."""
    picture = Image.fromarray(labels)
    picture.putpalette(palette or [])
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    picture.save(beside, format="PNG")
    beside.replace(path)
