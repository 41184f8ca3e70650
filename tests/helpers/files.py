"""Pictures and videos for the tests of files."""

import subprocess
from shutil import which

import av
import cv2
import numpy as np
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


def flat_film(path, colours, tags, pixels="yuv420p", size=(160, 120)):
    """Five frames without loss, the left half of the first colour, the right of the second, R'G'B' of 0 to 255, with
    the tags (matrix, range, primaries, transfer function), as ITU-T H.273 numbers them.
    """
    width, height = size
    matrix, levels, *_ = tags
    if matrix == 2:  # as players take it
        matrix = 1 if width >= 1280 or height > 576 else 5
    red, blue = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}.get(matrix, (0.299, 0.114))
    rgb = np.repeat(np.array([colours], float) / 255, width // 2, axis=1).repeat(height, axis=0)
    luma = rgb @ (red, 1 - red - blue, blue)
    chroma = (rgb[..., 2] - luma) / (2 - 2 * blue), (rgb[..., 0] - luma) / (2 - 2 * red)
    scales = (219, 224, 16) if levels == 1 else (255, 255, 0)
    channels = [scales[2] + scales[0] * luma, *(128 + scales[1] * part for part in chroma)]
    deep = np.rint(np.stack(channels, axis=-1) * 256).clip(0, 65535).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(deep, format="yuv444p16le")
    frame.colorspace, frame.color_range = matrix, levels
    frame = frame.reformat(format=pixels, interpolation=262144)
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = tags
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        for number in range(5):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path
