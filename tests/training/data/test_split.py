"""Who is trained on and who is measured on."""

import cv2
import numpy as np
import pytest

from training.data.pairs import find_pairs
from training.data.split import split_folder
from training.errors import DataError


def drawn(folder, names):
    """A set of grey pictures with a square person."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.full((40, 60, 3), 90, np.uint8))
        cv2.imwrite(
            str(folder / "masks" / f"{name}.png"), np.pad(np.full((20, 20), 255, np.uint8), ((20, 0), (20, 20)))
        )


def test_a_split_puts_nobody_on_both_sides_and_keeps_them_there_when_pictures_are_added(tmp_path):
    names = [f"p{person:02}_{shot}" for person in range(40) for shot in range(3)]
    drawn(tmp_path / "set", names)
    split_folder(tmp_path / "set", "^p[0-9]+", 0.25)
    train, val = (find_pairs(tmp_path / "set" / name) for name in ("train", "val"))
    people = [{pair.name.split("_")[0] for pair in pairs} for pairs in (train, val)]
    assert not people[0] & people[1]
    assert len(train) + len(val) == 120
    assert 4 <= len(people[1]) <= 16
    with pytest.raises(DataError, match=r"train\.txt exists"):
        split_folder(tmp_path / "set", "^p[0-9]+", 0.25)
    drawn(tmp_path / "more", [*names, "p99_0"])
    split_folder(tmp_path / "more", "^(p[0-9]+)_", 0.25)
    assert {pair.name for pair in val} <= {pair.name for pair in find_pairs(tmp_path / "more" / "val")}


@pytest.mark.parametrize(
    ("by", "share", "why"),
    [
        ("(", 0.1, "not a regular"),
        ("^q", 0.1, "matches nothing in the name p0"),
        ("^p", 0.5, "one side"),
        ("^p", 1.5, "1.5"),
    ],
)
def test_a_split_that_can_not_be_is_refused_and_writes_nothing(tmp_path, by, share, why):
    drawn(tmp_path / "set", ["p0", "p1"])
    with pytest.raises(DataError, match=why):
        split_folder(tmp_path / "set", by, share)
    assert not list((tmp_path / "set").glob("*.txt"))
