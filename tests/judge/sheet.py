"""Clips before and after, beside each other, with the part enlarged in which they differ most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB
CLIPS = 6
TILE = (320, 240)
TIMES = 3  # a part is shown so many times larger
PART = (TILE[0] // TIMES, TILE[1] // TIMES)
NEAR = 8  # pixels
GAP, LINE = 6, 20
PAPER, INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True)
class Clip:
    """A frame as it was filmed, as each version shows it, and how much of it the last one keeps, uint8 (H, W)."""

    filmed: Pixels
    shown: Mapping[str, Pixels]
    kept: Pixels


def sheet(clips: Mapping[str, Clip]) -> Image.Image:
    """A row for each of CLIPS clips, spread over all: the last version whole, then the same part of what was filmed
    and of each version.
    """
    names = list(clips)[:: max(1, len(clips) // CLIPS)][:CLIPS]
    versions = list(clips[names[0]].shown)
    columns = [f"{versions[-1]}, all of it", "filmed", *versions]
    page = Image.new("RGB", (GAP + len(columns) * (TILE[0] + GAP), LINE + len(names) * (TILE[1] + LINE + GAP)), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, words in enumerate(columns):
        pen.text((GAP + place * (TILE[0] + GAP), 3), words, INK, font)
    for row, name in enumerate(names):
        top = LINE + row * (TILE[1] + LINE + GAP)
        for place, tile in enumerate(tiles(clips[name])):
            page.paste(Image.fromarray(tile), (GAP + place * (TILE[0] + GAP), top))
        pen.text((GAP, top + TILE[1] + 2), name, INK, font)
    return page


def tiles(clip: Clip) -> list[Pixels]:
    """The tiles of one row, TILE large."""
    versions = list(clip.shown.values())
    left, top = telling(versions, clip.kept)
    width, height = PART
    parts = [picture[top : top + height, left : left + width] for picture in (clip.filmed, *versions)]
    whole = versions[-1].copy()
    cv2.rectangle(whole, (left, top), (left + width, top + height), PAPER, 2)
    return [
        np.asarray(cv2.resize(whole, TILE, interpolation=cv2.INTER_AREA)),
        *(np.asarray(cv2.resize(part, TILE, interpolation=cv2.INTER_NEAREST)) for part in parts),
    ]


def telling(versions: Sequence[Pixels], kept: Pixels) -> tuple[int, int]:
    """Left and top of the part in which the first and the last version differ most near the contour of what is kept;
    where they are the same, that with the most contour.
    """
    contour = np.asarray(cv2.morphologyEx(kept, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32) / 255
    near = np.asarray(cv2.dilate(contour, np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8))) > 0
    off = cv2.absdiff(versions[0], versions[-1]).sum(axis=2)
    total = cv2.boxFilter(near * off + contour, cv2.CV_32F, PART, anchor=(0, 0), normalize=False)
    inside = total[: kept.shape[0] - PART[1] + 1, : kept.shape[1] - PART[0] + 1]
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(left), int(top)
