"""Contact sheets: the pictures of a set on which masks are worst and best, to see what figures can't tell."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.data.pairs import Pair
from training.data.pictures import MASK_VOID, Mask, Pixels
from training.measure.metrics import Score
from training.measure.predictions import Find, Seen, look

COUNT = 8  # pictures on a sheet
SIDE, GAP, LINE = 190, 6, 20  # pixels: longer side of a tile, between tiles, height of a line of text
ACROSS = 2  # pictures beside each other, four tiles each
MISSED, LEAKED = (86, 180, 233), (213, 94, 0)  # RGB: sky blue and vermilion, told apart by everybody (Okabe and Ito)
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)
TILES = ("picture", "truth", "mask", "errors")
KEY = ((MISSED, "missed: person that is blurred"), (LEAKED, "leaked: background that is shown"))

Key = Sequence[tuple[tuple[int, int, int], str]]  # colour and what it means
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_sheets(find: Find, pairs: Sequence[Pair], scores: Sequence[Score], folder: Path, name: str) -> list[Path]:
    """Write `folder`/NAME-worst.jpg and NAME-best.jpg, by the IoU of each picture that shows somebody, or, of
    empty rooms, by the share that is kept; the paths. `scores` has one for each pair. Raises DataError.
    """
    shown = list(zip(pairs, scores, strict=True))
    if people := [(score.area.iou, f"IoU {score.area.iou:.3f}", pair) for pair, score in shown if score.people]:
        ranked = sorted(people, key=lambda one: one[0])
    else:
        ranked = sorted(((-s.stray[0], f"kept {s.stray[0]:.1%}", pair) for pair, s in shown), key=lambda one: one[0])
    paths = []
    for title, part in (("worst", ranked[:COUNT]), ("best", ranked[::-1][:COUNT])):
        path = folder / f"{name.replace('/', '-')}-{title}.jpg"
        strips = []
        for _, figure, pair in part:
            seen = look(pair)
            strips.append((tiles_of(seen, find(seen)), f"{printable(pair.image.name)}   {figure}"))
        page = sheet(strips, f"{name}: the {len(part)} {title} of {len(ranked)} pictures")
        folder.mkdir(parents=True, exist_ok=True)
        page.save(path, quality=92)
        paths.append(path)
    return paths


def tiles_of(seen: Seen, mask: Mask) -> list[Pixels]:
    """The four tiles of one picture, uint8 (h, w, 3) RGB each; `mask` soft, float32 (H, W), 0 to 1."""
    truth = np.where(seen.known, 255 * seen.truth.astype(np.uint8), MASK_VOID).astype(np.uint8)
    soft = np.clip(np.rint(255 * mask), 0, 255).astype(np.uint8)
    return scaled([seen.image, grey(truth), grey(soft), errors(seen, mask > 0.5)])


def printable(name: str) -> str:
    """The name of a file with marks in place of the bytes that are not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def scaled(tiles: Sequence[Pixels]) -> list[Pixels]:
    """Tiles of one size, so that their longer side becomes SIDE."""
    height, width = tiles[0].shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return [np.asarray(cv2.resize(tile, size, interpolation=cv2.INTER_AREA)) for tile in tiles]


def grey(plane: Pixels) -> Pixels:
    """One plane as RGB."""
    return np.repeat(plane[..., None], 3, axis=2)


def pale(image: Pixels) -> Pixels:
    """A picture, uint8 (H, W, 3) RGB, in pale grey, from which colours stand out."""
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return grey((110 + 0.5 * luma).astype(np.uint8))


def errors(seen: Seen, predicted: Mask) -> Pixels:
    """The picture in pale grey, with what is missed and what is leaked in colour."""
    page = pale(seen.image)
    page[seen.known & seen.truth & ~predicted] = MISSED
    page[seen.known & ~seen.truth & predicted] = LEAKED
    return page


def sheet(
    strips: Sequence[tuple[Sequence[Pixels], str]], title: str, tiles: Sequence[str] = TILES, key: Key = KEY
) -> Image.Image:
    """Strips of tiles with a caption below each, ACROSS in a row; above, a title, the key to the colours and what the
    tiles of a strip are.
    """
    rows = [strips[i : i + ACROSS] for i in range(0, len(strips), ACROSS)]
    tops = [3 * LINE + GAP]
    for row in rows:
        tops.append(tops[-1] + max(strip[0].shape[0] for strip, _ in row) + LINE + 2 * GAP)
    lefts = [GAP + column * (len(tiles) * (SIDE + GAP) + 2 * GAP) for column in range(ACROSS)]
    page = Image.new("RGB", (2 * lefts[-1], tops[-1]), PAPER)
    pen, large, small = ImageDraw.Draw(page), ImageFont.load_default(15), ImageFont.load_default(12)
    pen.text((GAP, GAP), title, INK, large)
    legend(pen, GAP, LINE + GAP + 3, small, key)
    for left in lefts[: len(strips)]:
        for place, name in enumerate(tiles):
            pen.text((left + place * (SIDE + GAP), 2 * LINE + GAP), name, FAINT, small)
    for row, top in zip(rows, tops, strict=False):
        for (strip, caption), left in zip(row, lefts, strict=False):
            for place, tile in enumerate(strip):
                page.paste(Image.fromarray(tile), (left + place * (SIDE + GAP), top))
            pen.text((left, top + strip[0].shape[0] + 2), caption, INK, small)
    return page


def legend(pen: ImageDraw.ImageDraw, x: int, y: int, font: Font, key: Key) -> None:
    """What the colours mean, from (x, y) to the right."""
    for colour, words in key:
        pen.rectangle((x, y + 2, x + 11, y + 13), fill=colour)
        pen.text((x + 17, y), words, INK, font)
        x += 17 + round(pen.textlength(words, font)) + 4 * GAP
