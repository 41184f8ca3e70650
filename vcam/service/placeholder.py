"""Pictures for when there is none to show: dark, with one sentence that says why. Needs neither torch nor cv2."""

import textwrap
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vcam.frame import SafeFrame, empty, planes, seal
from vcam.system.memory import give_back

BACKGROUND, TITLE, TEXT = 36, 120, 215  # luma, limited range
COLUMNS = 34  # characters in a line


@lru_cache(maxsize=2)  # the one for when there are no readers, and the one that is shown: each takes 1.5 bytes a pixel
def paint(sentence: str, width: int, height: int) -> SafeFrame:
    """A placeholder that says `sentence`. The same arguments give the same frame."""
    image = Image.new("L", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    body, small = (
        ImageFont.load_default(max(10, height // 16)),
        ImageFont.load_default(max(8, height // 28)),
    )
    draw.text((width / 2, height * 0.28), "SegBlur Camera", TITLE, small, anchor="mm")
    lines = "\n".join(textwrap.wrap(sentence, COLUMNS))
    draw.multiline_text(
        (width / 2, height / 2),
        lines,
        TEXT,
        body,
        anchor="mm",
        align="center",
        spacing=height // 40,
    )
    pixels = empty(width, height)
    y, u, v = planes(pixels)
    y[:] = np.asarray(image)
    u[:], v[:] = 132, 126  # a touch of blue
    del image, draw
    give_back()
    return seal(pixels)
