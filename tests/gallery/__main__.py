"""`python -m tests.gallery [NAME...]` draws the backgrounds that come with SegBlur into vcam/gallery, and the sheet of
docs/backgrounds.md. Look at them before you keep them: people sit in front of them in calls.
"""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.gallery import indoors, outdoors
from tests.gallery.brush import developed
from vcam.media.gallery import DRAWN

SCENES = {
    "dawn": outdoors.dawn,
    "bookshelf": indoors.bookshelf,
    "studio": indoors.studio,
    "paper": indoors.paper,
    "sea": outdoors.sea,
    "night": outdoors.night,
}
QUALITY = 87
SHEET = Path(__file__).parents[2] / "docs" / "backgrounds.jpg"
CELL = 320, 180


def draw(name):
    """The picture of this name, uint8 (1080, 1920, 3) RGB."""
    return developed(SCENES[name]())


def fine(image):
    """JPEG's tables for QUALITY, but finer for what changes slowly, where steps would be seen as bands."""
    out = BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    with Image.open(out) as again:
        tables = again.quantization
    return [[min(value, 1 + 2 * (n // 8 + n % 8)) for n, value in enumerate(tables[number])] for number in (0, 1)]


def main():
    for name in sys.argv[1:] or SCENES:
        path = DRAWN / f"{name}.jpg"
        image = Image.fromarray(draw(name))
        image.save(path, qtables=fine(image), optimize=True, progressive=True)
        print(f"written: {path}, {path.stat().st_size / 1000:.0f} kB")
    sheet = Image.new("RGB", (3 * CELL[0], 2 * CELL[1]))
    for number, name in enumerate(SCENES):
        with Image.open(DRAWN / f"{name}.jpg") as image:
            sheet.paste(image.resize(CELL, Image.Resampling.LANCZOS), (number % 3 * CELL[0], number // 3 * CELL[1]))
    sheet.save(SHEET, quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
