"""Real pictures, and small sets of drawn ones, for everybody."""

import cv2
import hypothesis
import numpy as np
import pytest
from PIL import Image

from vcam.media.films import SAMPLE, VideoFile
from vcam.media.raw_frame import RawFrame

cv2.setNumThreads(1)
hypothesis.settings.register_profile("here", deadline=None)  # how long a test takes depends on what else runs
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Nothing into the cache of the person who runs the tests; what one test made of the shipped weights serves all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Six pictures of bright discs before dark noise, the later the brighter."""
    folder, rng = tmp_path_factory.mktemp("sets") / "discs", np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(6):
        mask = np.zeros((96, 120), np.uint8)
        cv2.circle(mask, (int(rng.integers(40, 80)), 50), 28, 255, -1)
        image = rng.integers(0, 90, (96, 120, 3)).astype(np.uint8)
        image[mask > 0] = 140 + 20 * number
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small set in the layout that training reads: bright discs before dark noise."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("train/discs", "val/discs"):
        for part in ("images", "masks"):
            (root / name / part).mkdir(parents=True)
        for number in range(6):
            image = rng.integers(0, 90, (120, 160, 3)).astype(np.uint8)
            mask = np.zeros((120, 160), np.uint8)
            centre = (int(rng.integers(50, 110)), int(rng.integers(60, 90)))
            cv2.circle(mask, centre, 35, 255, -1)
            image[mask > 0] = rng.integers(150, 255, 3)
            cv2.imwrite(str(root / name / "images" / f"{number}.png"), image)
            cv2.imwrite(str(root / name / "masks" / f"{number}.png"), mask)
    (root / "rooms").mkdir()
    for number in range(3):
        cv2.imwrite(str(root / "rooms" / f"{number}.png"), rng.integers(0, 90, (100, 140, 3)).astype(np.uint8))
    return root


@pytest.fixture
def folder(tmp_path):
    """VOC's layout with three pictures to train and one to measure on."""
    from tests.helpers.voc_scene import a_scene, save_labels

    root = tmp_path / "voc2012"
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    for name in ("a", "b", "c", "d"):
        image, labels = a_scene()
        Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
        save_labels(root / "SegmentationClass" / f"{name}.png", labels)
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\nc\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("d\n")
    return root


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch, tmp_path):
    """No settings of the person who runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("SEGBLUR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
