"""What every effect makes of one frame of the sample: `python -m tests.helpers.goldens` draws the pictures that the
effects are held against in tests/effects/test_goldens.py, and the sheet of docs/effects.md. Look before you keep them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from tests.helpers.fake_segmenter import Known
from vcam.effects.look import Look
from vcam.frame import empty
from vcam.masks.mask import FrameMask
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr
from vcam.offline.image import blur_picture, on_squares
from vcam.pipeline import known_answer
from vcam.settings import LookSettings

FOLDER = Path(__file__).parents[1] / "effects" / "goldens"
SHEET = Path(__file__).parents[2] / "docs" / "effects.jpg"
SMALL = 160, 90  # size of a test picture
CELL, COLUMNS = (320, 180), 3  # of the sheet


def sunset(width=640, height=360):
    """A picture of no room, drawn: sky, sun and sea, uint8 BGR."""
    y, x = np.mgrid[0:height, 0:width] / height
    sky = np.stack([150 - 110 * y, 90 + 80 * y, 160 + 110 * y], -1)
    sea = np.stack([120 - 60 * y, 80 - 20 * y, 90 - 30 * y], -1) + 18 * np.sin(160 * y**2)[..., None]
    sun = np.clip(1.5 - np.hypot(x - 1.35, y - 0.42) * 12, 0, 1)[..., None]
    picture = np.where(y[..., None] < 0.6, sky + sun * (np.array([190, 235, 255]) - sky), sea)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.5), 0, 255).astype(np.uint8)


def looks(folder):
    """Name and settings of every effect; the files that some need are made in `folder`."""
    beach = folder / "sunset.png"
    cv2.imwrite(str(beach), sunset())
    yield "blur", LookSettings()
    yield "bokeh", LookSettings(effect="bokeh")
    yield "pixelate", LookSettings(effect="pixelate")
    yield "grey", LookSettings(effect="grey")
    yield "dim", LookSettings(effect="dim")
    yield "colour", LookSettings(effect="colour", colour="green")
    yield "picture", LookSettings(effect="picture", picture=beach)
    film = folder / "sunset.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 360))
    for picture in (sunset()[:, ::-1], sunset()):
        writer.write(np.ascontiguousarray(picture))
    writer.release()
    yield "video", LookSettings(effect="video", video=film)
    yield "person", LookSettings(effect="pixelate", on="person")
    yield "transparent", LookSettings(effect="transparent")


def draw(look):
    """The golden frame with the look, uint8 BGR, by the mask that lies beside it: no network has a say in this."""
    bgr = cv2.imread(str(known_answer.PICTURE))
    mask = cv2.imread(str(known_answer.MASK), cv2.IMREAD_GRAYSCALE)
    alpha = (cv2.resize(mask, (256, 144), interpolation=cv2.INTER_AREA) / 255).astype(np.float32)
    if look.effect == "transparent":
        return on_squares(blur_picture(bgr, Known(alpha), look, print)[1])
    pixels = empty(bgr.shape[1], bgr.shape[0])
    from_bgr(bgr, pixels)
    return to_bgr(Look()(RawFrame(pixels, 1, 0.0), FrameMask(alpha, 1), look).pixels)


def small(picture):
    """At the size of a test picture."""
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA)


def cell(picture, name):
    """A part of the sheet, with its name."""
    part = cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA)
    for colour, offset in ((0, 1), (255, 0)):
        place = 10 + offset, 168 + offset
        cv2.putText(part, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (colour,) * 3, 1, cv2.LINE_AA)
    return part


def main():
    FOLDER.mkdir(exist_ok=True)
    cells = []
    with TemporaryDirectory() as folder:
        for name, look in looks(Path(folder)):
            picture = draw(look)
            cv2.imwrite(str(FOLDER / f"{name}.png"), small(picture))
            if name != "video":  # on paper it would be another picture
                cells.append(cell(picture, "pixelate, on person" if name == "person" else name))
    rows = [np.hstack(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)]
    cv2.imwrite(str(SHEET), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"written: {FOLDER} and {SHEET}")


if __name__ == "__main__":
    main()
