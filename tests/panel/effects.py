"""The small pictures of the effects in the window: `python -m tests.panel.effects` draws them. Look before you keep
them.
"""

import cv2
import numpy as np
from PIL import Image

from tests.helpers.fake_segmenter import Known
from tests.helpers.goldens import draw
from vcam.offline.image import blur_picture
from vcam.panel.background import FOLDER
from vcam.pipeline import known_answer
from vcam.settings import LookSettings

SIZE = 208, 117  # twice a tile's, for sharp screens
TILES = ("blur", "bokeh", "pixelate", "grey", "dim")
QUALITY = 88


def small(picture):
    """uint8 BGR or BGRA to a tile of Pillow's."""
    order = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return Image.fromarray(cv2.cvtColor(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), order))


def cutout():
    """The man without his room, uint8 BGRA."""
    bgr = cv2.imread(str(known_answer.PICTURE))
    mask = cv2.imread(str(known_answer.MASK), cv2.IMREAD_GRAYSCALE)
    alpha = (cv2.resize(mask, (256, 144), interpolation=cv2.INTER_AREA) / 255).astype(np.float32)
    return blur_picture(bgr, Known(alpha), LookSettings(effect="transparent"), print)[1]


def main():
    FOLDER.mkdir(exist_ok=True)
    for name in TILES:
        small(draw(LookSettings(effect=name))).save(FOLDER / f"{name}.jpg", quality=QUALITY, optimize=True)
    small(cutout()).save(FOLDER / "person.webp", quality=QUALITY)
    print(f"written: {FOLDER}")


if __name__ == "__main__":
    main()
