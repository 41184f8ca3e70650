"""Contact sheets of networks that tell classes apart."""

from PIL import Image

from tests.helpers.voc_scene import Perfect, config
from training.measure import class_sheets
from training.run import voc


def test_a_run_ends_with_sheets_of_the_worst_and_the_best_pictures(folder, tmp_path):
    task = voc.voc_task(config(folder), None, 0, 1)
    report = task.finish(Perfect(), tmp_path)
    assert report["voc2012/val"]["miou"] > 0.93
    for title in ("worst", "best"):
        with Image.open(tmp_path / f"voc2012-val-{title}.jpg") as sheet:
            assert sheet.width > 700


def test_vocs_palette_is_the_one_of_its_development_kit():
    colours = class_sheets.palette()
    known = {0: (0, 0, 0), 1: (128, 0, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(int(v) for v in colours[number]) for number in known} == known
