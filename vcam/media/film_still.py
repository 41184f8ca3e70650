"""`python -m vcam.media.film_still FILE` writes the thumbnail of a video to stdout: who lists the gallery runs no
decoder of videos.
"""

import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image

from vcam.errors import PictureError, SegBlurError
from vcam.frame import I420
from vcam.media.films import VideoFile
from vcam.media.thumbnails import small
from vcam.media.yuv import to_bgr

SHARE = 0.1  # of the video, after which the frame is taken
AHEAD = 30  # frames: from the point that can be sought, which may be black, on


def still(path: Path) -> Image.Image:
    """A frame from near the beginning, upright. Raises PictureError."""
    with VideoFile(path) as video:
        with suppress(FFmpegError):  # not every file can be sought
            video.container.seek(int((video.start + video.length * SHARE) * av.time_base))
        pixels = last(video)
        if pixels is None:
            video.close()
            video.rewind()
            pixels = last(video)
        if pixels is None:
            raise PictureError(f"{path} holds no frame that can be decoded")
        image = Image.fromarray(to_bgr(pixels)[..., ::-1])
        return image.resize((max(1, round(image.width * video.pixel_aspect)), image.height))


def last(video: VideoFile) -> I420 | None:
    """The last of the next few frames; None where there is none."""
    pixels = None
    for pixels in islice(video.frames(), AHEAD):  # noqa: B007 - the last is what is wanted
        pass
    return pixels


def main() -> int:
    """Exit code 1 for a file that can't be shown."""
    try:
        sys.stdout.buffer.write(small(still(Path(sys.argv[1]))))
    except SegBlurError as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
