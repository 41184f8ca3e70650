"""Videos are read as they are meant."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.files import make_video, needs_ffmpeg
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import to_bgr


@needs_ffmpeg
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_filmed_lying_down_stands_upright(tmp_path, degrees):
    make_video(tmp_path / "plain.mp4", "-i", SAMPLE, "-t", 0.2)
    make_video(
        tmp_path / "turned.mp4", "-i", tmp_path / "plain.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}"
    )
    make_video(tmp_path / "truth.mkv", "-i", tmp_path / "turned.mp4", "-c:v", "ffv1")  # ffmpeg turns by itself
    with VideoFile(tmp_path / "turned.mp4") as turned, VideoFile(tmp_path / "truth.mkv") as truth:
        one, other = next(turned.frames()), next(truth.frames())
        assert (turned.width, turned.height) == (truth.width, truth.height)
    assert np.abs(one.astype(int) - other).mean() < 2


def test_the_sample_is_bundled_with_its_attribution():
    assert "CC BY 4.0" in (Path(SAMPLE).parent / "ATTRIBUTION.md").read_text()


HIDDEN, SEEN = (255, 0, 255), (0, 160, 0)  # RGB


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "options"),
    [
        ("x.mov", "png", "rgba", {}),
        ("x.mov", "qtrle", "argb", {}),
        ("x.gif", "gif", "pal8", {}),
        ("x.mkv", "ffv1", "yuva420p", {}),
        ("x.webm", "libvpx-vp9", "yuva420p", {"auto-alt-ref": "0"}),
        ("x.webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}),
    ],
)
def test_what_has_alpha_0_in_a_video_is_not_read(tmp_path, name, codec, pixels, options):
    picture = np.zeros((96, 128, 4), np.uint8)
    picture[:, :64], picture[:, 64:] = (*HIDDEN, 0), (*SEEN, 255)
    write(tmp_path / name, codec, pixels, options, picture)
    with VideoFile(tmp_path / name) as video:
        frames = [to_bgr(frame) for frame in video.frames()]
    assert len(frames) == 5
    for bgr in frames:
        assert bgr[10:-10, 10:56].min() > 240
        assert np.abs(bgr[10:-10, 74:-10, ::-1].astype(int) - SEEN).max() < 12


def write(path, codec, pixels, options, picture):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], pixels
        for _ in range(5):
            output.mux(stream.encode(as_frame(picture, pixels)))
        output.mux(stream.encode())


def as_frame(picture, pixels):
    frame = av.VideoFrame.from_ndarray(picture, format="rgba")
    if pixels != "pal8":
        return frame.reformat(format=pixels)
    indices = (picture[..., 3] > 0).astype(np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    palette[0], palette[1] = (0, *HIDDEN), (255, *SEEN)
    return av.VideoFrame.from_ndarray((indices, palette), format="pal8")
