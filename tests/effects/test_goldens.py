"""Each effect makes the picture that was once looked at and found good (python -m tests.helpers.goldens draws them)."""

import cv2
import numpy as np
import pytest

from tests.helpers.goldens import FOLDER, SMALL, draw, looks, small
from vcam.pipeline import known_answer

NEAR, FAR = 4.0, 3  # grey levels: mean along the contour, where a better mask may differ, and the most away from it


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return dict(looks(tmp_path_factory.mktemp("files")))


@pytest.fixture(scope="module")
def contour():
    mask = cv2.resize(cv2.imread(str(known_answer.MASK), cv2.IMREAD_GRAYSCALE), SMALL, interpolation=cv2.INTER_AREA)
    return cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((7, 7))) > 0


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.png")))
def test_the_picture_is_the_golden_one(found, contour, name):
    wanted = cv2.imread(str(FOLDER / f"{name}.png")).astype(int)
    difference = np.abs(small(draw(found[name])) - wanted)
    assert difference[contour].mean() <= NEAR
    assert difference[~contour].max() <= FAR


def test_there_is_a_golden_picture_of_every_effect_and_no_two_are_alike(found, contour):
    pictures = {path.stem: cv2.imread(str(path)).astype(int) for path in FOLDER.glob("*.png")}
    assert set(pictures) == set(found)
    for name, picture in pictures.items():
        for other in set(pictures) - {name}:
            assert np.abs(picture - pictures[other])[~contour].max() > 10 * FAR
