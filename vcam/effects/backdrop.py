"""Files that take the room's place: pictures and videos, cut to the frame's shape.

`python -m vcam.effects.backdrop KIND FILE` says in one sentence what is wrong with a file: the keeper runs no
decoder.
"""

import math
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2

from vcam.effects.scene import Shot
from vcam.errors import SegBlurError
from vcam.frame import empty
from vcam.media.films import endless
from vcam.media.pictures import read_picture
from vcam.media.yuv import from_bgr
from vcam.settings import LookSettings

CHECKED = 30  # frames of a video that is checked


def still(path: Path, size: tuple[int, int]) -> Iterator[Shot]:
    """A picture at (width, height), for ever. Raises PictureError."""
    pixels = empty(*size)
    from_bgr(read_picture(path), pixels)
    yield 0.0, pixels
    yield math.inf, pixels


READERS = {"picture": still, "video": endless}


def check_file(kind: str, path: Path) -> None:
    """Read as much of a file as tells whether it can be shown; `kind` is of READERS. Raises PictureError."""
    for _ in islice(READERS[kind](path, (64, 64)), CHECKED if kind == "video" else 1):
        pass


def check_look(look: LookSettings) -> None:
    """The same for the file that an effect needs, if it needs one. Raises PictureError."""
    if look.file is not None:
        check_file(look.effect, look.file)


def main() -> int:
    """Exit code 1 and a sentence for a file that can't be shown."""
    cv2.setNumThreads(1)
    try:
        check_file(sys.argv[1], Path(sys.argv[2]))
    except SegBlurError as error:
        sys.stdout.buffer.write(str(error).encode(errors="surrogateescape"))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
