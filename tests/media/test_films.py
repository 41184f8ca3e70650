"""Videos are read as they are meant."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.files import make_video, needs_ffmpeg
from vcam.media.films import SAMPLE, VideoFile


@needs_ffmpeg
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_filmed_lying_down_stands_upright(tmp_path, degrees):
    make_video(tmp_path / "plain.mp4", "-i", SAMPLE, "-t", 0.2)
    make_video(
        tmp_path / "turned.mp4", "-i", tmp_path / "plain.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}"
    )
    make_video(tmp_path / "truth.mkv", "-i", tmp_path / "turned.mp4", "-c:v", "ffv1")  # ffmpeg turns by itself
    with VideoFile(tmp_path / "turned.mp4") as turned, VideoFile(tmp_path / "truth.mkv") as truth:
        if not turned.quarters:
            pytest.skip("this ffmpeg can't write the note")
        one, other = next(turned.frames()), next(truth.frames())
        assert (turned.width, turned.height) == (truth.width, truth.height)
    assert np.abs(one.astype(int) - other).mean() < 2


def test_the_sample_is_bundled_with_its_attribution():
    assert "CC BY 4.0" in (Path(SAMPLE).parent / "ATTRIBUTION.md").read_text()
