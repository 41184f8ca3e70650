"""Contact sheets of people."""

import numpy as np
from PIL import Image

from training.data.pairs import find_pairs
from training.measure.evaluate import scores
from training.measure.predictions import by_folder
from training.measure.sheets import write_sheets


def test_sheets_show_the_worst_and_the_best_first(discs, tmp_path):
    corrupted = find_pairs(discs)[4].name

    def find(seen):
        return np.zeros(seen.truth.shape, np.float32) if seen.name == corrupted else seen.truth.astype(np.float32)

    measured = [score for _, score in scores(find, find_pairs(discs))]
    worst, best = write_sheets(find, find_pairs(discs), measured, tmp_path / "sheets", "val/discs")
    assert (worst.name, best.name) == ("val-discs-worst.jpg", "val-discs-best.jpg")
    with Image.open(worst) as bad, Image.open(best) as good:
        assert bad.size == good.size
        first = (slice(70, 210), slice(600, 780))  # the errors of the first picture
        missed = [
            (np.abs(np.asarray(page).astype(int)[first] - (86, 180, 233)).max(axis=2) < 40).mean()
            for page in (bad, good)
        ]
    assert missed[0] > 0.1
    assert missed[1] == 0.0


def test_masks_of_a_folder_can_be_looked_at_too(discs, tmp_path):
    for pair in find_pairs(discs):
        (tmp_path / f"{pair.name}.png").write_bytes(pair.mask.read_bytes())
    find, pairs = by_folder(tmp_path), find_pairs(discs)
    sheets = write_sheets(find, pairs, [score for _, score in scores(find, pairs)], tmp_path, "discs")
    assert all(path.stat().st_size > 5000 for path in sheets)
