"""Real pictures for everybody."""

import cv2
import hypothesis
import pytest

from vcam.files import SAMPLE, VideoFile
from vcam.frame import RawFrame

cv2.setNumThreads(1)
hypothesis.settings.register_profile("here", deadline=None)  # how long a test takes depends on what else runs
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session")
def sample():
    """Twelve frames of the bundled sample, 640×480."""
    with VideoFile(SAMPLE) as video:
        frames = [RawFrame(p, n, n / 30) for n, p in enumerate(video.frames()) if n % 7 == 0]
    for frame in frames:
        frame.pixels.setflags(write=False)  # whoever changes a raw frame is found out
    return frames[:12]


@pytest.fixture(scope="session")
def segmenter():
    """The shipped network."""
    from segnet.inference import load_segmenter
    from segnet.weights import DEFAULT

    return load_segmenter(DEFAULT)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch, tmp_path):
    """No settings of the person who runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("SEGBLUR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
