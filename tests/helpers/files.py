"""Pictures and videos for the tests of files."""

import subprocess
from shutil import which

import cv2
import pytest

from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import to_bgr


def has_ffmpeg():
    return which("ffmpeg") is not None


def picture(path, width=320, height=240):
    """A real picture: a frame of the sample."""
    with VideoFile(SAMPLE) as video:
        bgr = to_bgr(next(video.frames()))
    cv2.imwrite(str(path), cv2.resize(bgr, (width, height)))
    return path


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def make_video(path, *words):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words), path], check=True)


SINE = ("-f", "lavfi", "-i", "sine")
needs_ffmpeg = pytest.mark.skipif(not has_ffmpeg(), reason="ffmpeg makes the material")
