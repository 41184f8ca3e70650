"""Files that take the room's place: pictures and videos, cut to the frame's shape.

`python -m vcam.effects.backdrop KIND FILE` says in one sentence what is wrong with a file, so that the keeper need not
read it itself.
"""

import math
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2

from vcam.effects.scene import Shot
from vcam.errors import SegBlurError
from vcam.frame import I420, empty, planes, size_of
from vcam.media.files import VideoFile, read_picture
from vcam.media.yuv import cover, from_bgr
from vcam.settings import LookSettings

LOOKED_AT = 30  # frames of a video that is checked


def still(path: Path, size: tuple[int, int]) -> Iterator[Shot]:
    """A picture at (width, height), for ever. Raises PictureError."""
    pixels = empty(*size)
    from_bgr(read_picture(path), pixels)
    yield 0.0, pixels
    yield math.inf, pixels


def film(path: Path, size: tuple[int, int]) -> Iterator[Shot]:
    """A video at (width, height), again and again. Raises PictureError where the file is damaged, at any time."""
    start = 0.0
    with VideoFile(path) as video:
        while True:
            time = first = None
            for time, pixels in video.timed_frames():
                first = time if first is None else first
                yield start + time - first, fitted(pixels, size, float(video.pixel_aspect))
            assert time is not None and first is not None  # else timed_frames has raised
            start += time - first + 1 / video.fps
            video.close()
            video.rewind()


def fitted(pixels: I420, size: tuple[int, int], aspect: float) -> I420:
    """The picture, whose pixels are `aspect` times as wide as high, at (width, height): scaled to cover it, and what
    sticks out at two sides cut off.
    """
    if size_of(pixels) == size and aspect == 1:
        return pixels
    result = empty(*size)
    for source, target in zip(planes(pixels), planes(result), strict=True):
        square = source if aspect == 1 else cv2.resize(source, (round(source.shape[1] * aspect), source.shape[0]))
        target[:] = cover(square, target.shape[1], target.shape[0])
    return result


READERS = {"picture": still, "video": film}


def check_file(kind: str, path: Path) -> None:
    """Read as much of a file as tells whether it can be shown; `kind` is of READERS. Raises PictureError."""
    for _ in islice(READERS[kind](path, (64, 64)), LOOKED_AT if kind == "video" else 1):
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
